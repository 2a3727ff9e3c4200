//! 6xxx: what the command line reports.

crate::base::code::codes! {
    6001 CLI_SYSTEM Fault {
        what: "The system reported an error.", "系统报告了错误。";
        why: "The command could not be finished.", "命令未能完成。";
        remedy: "Read the words before this code; `posthouse doctor` may say more.",
            "请查看错误码前的内容；posthouse doctor 可能提供更多信息。";
    }
    6002 CLI_PASSWORD Fault {
        what: "The password cannot be used.", "密码无法使用。";
        why: "Its file must be readable, and its first line must hold 10 to 128 characters.",
            "密码文件须可读，首行须为 10 到 128 个字符。";
        remedy: "Write a longer password into the file and try again.", "请在文件中写入更长的密码后重试。";
    }
    6003 CLI_DATA_IN_USE Fault {
        what: "Another process holds the data folder and does not answer.",
            "另一个进程占用数据文件夹且没有响应。";
        why: "Two processes at one journal would destroy it.", "两个进程同时写入会损坏日志。";
        remedy: "Look for it with `systemctl status posthouse`; stop it, or wait for it.",
            "请用 systemctl status posthouse 查找，停止它或稍候。";
    }
    6004 CLI_CLAIMED Fault {
        what: "The site is claimed already.", "站点已被认领。";
        why: "Claiming happens once; the owner who did it administers the site.",
            "认领只能进行一次；站点由认领者管理。";
        remedy: "Sign in to the console, or reset a password: `posthouse agent reset-password`.",
            "请登录控制台，或重置密码：posthouse agent reset-password。";
    }
    6005 CLI_NO_SITE Fault {
        what: "There is no site in this data folder.", "该数据文件夹中没有站点。";
        why: "The folder is missing or was never served from.", "文件夹不存在，或从未用于运行服务。";
        remedy: "Check --data, or make one: `posthouse setup`.", "请检查 --data，或新建：posthouse setup。";
    }
    6006 CLI_NO_ANSWER Fault {
        what: "The running process did not answer.", "运行中的进程没有响应。";
        why: "The control socket closed before the command was done.", "控制套接字在命令完成前关闭。";
        remedy: "Look at its log, `journalctl -u posthouse`, and try again.",
            "请查看日志 journalctl -u posthouse 后重试。";
    }
    6007 CLI_NOT_OWN_CERTIFICATE Fault {
        what: "The certificate in use is not of the site's own authority.", "当前证书不是由站点自己的 CA 签发。";
        why: "Only the authority that issued a certificate can renew it.", "证书只能由其签发机构续期。";
        remedy: "Get a new one from its issuer, then `posthouse cert import`.",
            "请向签发机构申请新证书，然后执行 posthouse cert import。";
    }
    6008 CLI_STOP_FIRST Fault {
        what: "A process uses this data folder.", "有进程正在使用该数据文件夹。";
        why: "This needs files that nobody writes to meanwhile.", "此操作要求期间没有进程写入这些文件。";
        remedy: "Stop the service, run the command, start the service again.",
            "请停止服务，执行该命令，再启动服务。";
    }
    6009 CLI_WALK_RUNS Fault {
        what: "Another command reads the whole store.", "另一个命令正在读取整个存储。";
        why: "Two of them would take the disk from the desk.", "两个同时进行会占用服务台的磁盘。";
        remedy: "Wait for the other one and try again.", "请等待其完成后重试。";
    }
    6010 CLI_NOT_RUNNING Fault {
        what: "No process runs from this data folder.", "没有进程使用该数据文件夹运行。";
        why: "There is nobody who could take the configuration.", "没有可以采用该配置的进程。";
        remedy: "Check --data, or start the service: `systemctl start posthouse`.",
            "请检查 --data，或启动服务：systemctl start posthouse。";
    }
}
