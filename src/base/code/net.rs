//! 5xxx: listeners, TLS and certificates.

crate::base::code::codes! {
    5001 CANNOT_LISTEN Fault {
        what: "The address cannot be listened on.", "无法监听该地址。";
        why: "Another program has the port, the address is not this machine's, or ports below 1024 \
              need a right.",
            "端口被占用、地址不属于本机，或 1024 以下端口需要权限。";
        remedy: "Choose another address with `listen`, or stop the other program.",
            "请用 `listen` 设置其他地址，或停止占用端口的程序。";
    }
    5002 CONNECTIONS_FULL Refusal {
        what: "The desk holds as many connections as it can.", "服务台连接数已达上限。";
        why: "Memory and descriptors set the number; those who are connected are not disturbed.",
            "上限由内存和文件描述符决定；已有连接不受影响。";
        remedy: "Try again in a minute; the operator may raise LimitNOFILE or \
                 `limits.connections_max`.",
            "请一分钟后重试；管理员可提高 LimitNOFILE 或 `limits.connections_max`。";
    }
    5003 CONNECTS_TOO_FAST Refusal {
        what: "This address opens connections too fast.", "该地址建立连接过快。";
        why: "One address must not keep all others waiting.", "单个地址不应使其他访客等待。";
        remedy: "Wait a second; name a reverse proxy in `trusted_proxies`.",
            "请稍候一秒；如为反向代理，请写入 `trusted_proxies`。";
    }
    5004 DESCRIPTORS_SHORT Finding {
        what: "The process ran out of file descriptors.", "进程的文件描述符已用尽。";
        why: "New connections wait until others end.", "新连接需等待其他连接结束。";
        remedy: "Raise LimitNOFILE in the unit, or `ulimit -n`.",
            "请提高服务单元的 LimitNOFILE，或 `ulimit -n`。";
    }
    5101 BAD_CERTIFICATE Fault {
        what: "The certificate file cannot be used.", "证书文件无法使用。";
        why: "Browsers would refuse every connection.", "浏览器将拒绝所有连接。";
        remedy: "Give a PEM file with the server's certificate first and its issuers after it.",
            "请提供 PEM 文件：服务器证书在前，签发者证书依次在后。";
    }
    5102 BAD_CERTIFICATE_KEY Fault {
        what: "The key file cannot be used.", "私钥文件无法使用。";
        why: "Without its key a certificate proves nothing.", "没有私钥，证书无法证明身份。";
        remedy: "Give the unencrypted PEM key (PKCS#8, PKCS#1 or SEC1) that the certificate was \
                 made for.",
            "请提供与证书对应的未加密 PEM 私钥。";
    }
    5103 CERTIFICATE_EXPIRED Fault {
        what: "The certificate is not valid at this time.", "证书当前不在有效期内。";
        why: "Browsers refuse it; or this machine's clock is wrong.", "浏览器会拒绝它；也可能是本机时钟有误。";
        remedy: "Check the clock, then import a renewed certificate.", "请检查时钟，然后导入新证书。";
    }
    5104 CERTIFICATE_EXPIRES_SOON Finding {
        what: "The certificate expires soon.", "证书即将过期。";
        why: "Visitors will be warned off once it has.", "过期后访客会看到安全警告。";
        remedy: "Import a renewed certificate; it is taken over without a restart.",
            "请导入新证书；无需重启即可生效。";
    }
    5105 TLS_UNAVAILABLE Fault {
        what: "TLS could not be set up.", "无法建立 TLS 配置。";
        why: "The system gave no randomness for the ticket keys.", "系统未提供会话票据密钥所需的随机数。";
        remedy: "Check that /dev/urandom can be read.", "请检查 /dev/urandom 是否可读。";
    }
    5110 ACME_FAILED Fault {
        what: "The certificate authority did not issue a certificate.", "证书颁发机构未签发证书。";
        why: "The present certificate stays in use until it expires.", "现有证书在过期前继续使用。";
        remedy: "Check that the names lead to this machine on port 443 and that the directory \
                 answers; the log says what it said.",
            "请确认域名指向本机 443 端口且目录可达；详情见日志。";
    }
}
