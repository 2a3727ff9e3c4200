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
    5005 FAMILY_REFUSED Refusal {
        what: "A client offered no TLS family that this listener speaks.",
            "客户端未提供本监听端口允许的 TLS 协议族。";
        why: "`tls.families` and `crypto.profile` say which are spoken: international TLS, TLS 1.3 \
              with SM2 (RFC 8998), TLCP.",
            "允许的协议族由 `tls.families` 和 `crypto.profile` 决定：国际 TLS、国密 TLS 1.3（RFC 8998）、TLCP。";
        remedy: "Use a client of that family, or allow the client's in `tls.families`.",
            "请使用支持该协议族的客户端，或在 `tls.families` 中放行。";
    }
    5006 CERTIFICATE_REFUSED Refusal {
        what: "A client showed a certificate that does not count.", "客户端出示的证书无效。";
        why: "`posthouse cert revoke` took it back, it has ended, or it is not for signing.",
            "证书已用 `posthouse cert revoke` 吊销、已过期，或不是签名证书。";
        remedy: "Issue the agent another one, or choose none in the browser.",
            "请为客服重新签发证书，或在浏览器中不选择证书。";
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
    5106 BAD_PAIR Fault {
        what: "The signing and the encryption certificate cannot be used together.",
            "签名证书与加密证书无法配对使用。";
        why: "TLCP needs two SM2 certificates of one subject and one issuer: one with \
              digitalSignature, the other with keyEncipherment, dataEncipherment or keyAgreement.",
            "TLCP 需要同一主体、同一签发者的两张 SM2 证书：一张用于 digitalSignature，另一张用于 \
             keyEncipherment、dataEncipherment 或 keyAgreement。";
        remedy: "Correct the field that is named, or ask the issuer for both certificates again.",
            "请更正指出的字段，或请签发机构重新签发两张证书。";
    }
    5107 KEY_SEALED Fault {
        what: "The private key is sealed by a passphrase.", "私钥受口令保护。";
        why: "It can be used only after it is opened.", "打开后才能使用。";
        remedy: "Write the passphrase into a file and name it with --passphrase-file.",
            "请将口令写入文件，并用 --passphrase-file 指定。";
    }
    5108 BAD_ENVELOPE Fault {
        what: "The envelope of the encryption key cannot be opened.", "无法打开加密密钥的数字信封。";
        why: "The authority sealed it for the signing key of the same request.",
            "签发机构用同一申请的签名公钥封装了它。";
        remedy: "Give the envelope that came with these certificates, and their signing key.",
            "请提供随证书下发的信封，以及对应的签名私钥。";
    }
    5109 SELF_TEST_FAILED Fault {
        what: "An algorithm failed its self-test.", "密码算法自检未通过。";
        why: "Memory, processor or program is broken: what it encrypts or signs could be wrong, so \
              nothing is served.",
            "内存、处理器或程序有故障：加密或签名结果可能错误或无效，因此不提供服务。";
        remedy: "Run `posthouse doctor` again, test the memory, and compare the binary with the \
                 release's checksum.",
            "请再次运行 posthouse doctor，检测内存，并将程序文件与发布的校验和比对。";
    }
    5110 ACME_FAILED Fault {
        what: "The certificate authority did not issue a certificate.", "证书颁发机构未签发证书。";
        why: "The present certificate stays in use until it expires.", "现有证书在过期前继续使用。";
        remedy: "Check that the names lead to this machine on port 443 and that the directory \
                 answers; the log says what it said.",
            "请确认域名指向本机 443 端口且目录可达；详情见日志。";
    }
    5111 AUTHORITY_KEY_MISSING Fault {
        what: "The key of the site's own authority is missing.", "站点 CA 的私钥缺失。";
        why: "People have installed this authority; nobody would trust another in its place.",
            "用户已安装该 CA；若另建一个，将无人信任。";
        remedy: "Put the key back from a copy. To begin with another authority, move the named \
                 certificate away too.",
            "请从备份恢复私钥。若要另建 CA，请同时移走所指的证书文件。";
    }
    5112 NOTHING_ISSUED Fault {
        what: "No certificate was issued to that name.", "未为该登录名签发过证书。";
        why: "`posthouse cert issue` notes what it issues in `tls/issued` of the data folder.",
            "`posthouse cert issue` 会将签发记录写入数据目录的 `tls/issued`。";
        remedy: "Check the name, or give the certificate itself with --certificate.",
            "请核对登录名，或用 --certificate 指定证书文件。";
    }
}
