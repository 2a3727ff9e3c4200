//! 7xxx: what the checks find.

crate::base::code::codes! {
    7001 CLOCK_UNSET Finding {
        what: "The machine's clock is not set.", "本机时钟未校准。";
        why: "Times on messages are flagged, and certificates may look wrong to clients.",
            "消息时间会带有标记，客户端可能认为证书无效。";
        remedy: "Set the clock: `timedatectl set-ntp true`, or `date -s` without a network.",
            "请校准时钟：timedatectl set-ntp true；无网络时用 date -s。";
    }
    7002 DATA_OPEN Finding {
        what: "Other users of this machine may enter the data folder.",
            "本机其他用户可以进入数据文件夹。";
        why: "It holds every conversation and the site's private keys.", "其中有全部会话和站点私钥。";
        remedy: "Close it: `chmod 700 DATA`.", "请收紧权限：chmod 700 DATA。";
    }
    7003 DATA_NOT_WRITABLE Fault {
        what: "The data folder cannot be written to.", "数据文件夹不可写。";
        why: "Nothing can be acknowledged that is not on disk.", "未落盘的内容不会被确认。";
        remedy: "Check owner, rights and mount options of the folder.", "请检查文件夹的属主、权限和挂载选项。";
    }
    7004 DISK_LOW Finding {
        what: "The disk is nearly full.", "磁盘空间即将用尽。";
        why: "When it is full the desk answers reads only.", "用尽后服务台只能读取。";
        remedy: "Free space, or move the data folder to a larger disk.", "请清理空间，或将数据文件夹迁移到更大的磁盘。";
    }
    7005 NO_DISK_SPACE Fault {
        what: "The disk is full.", "磁盘已满。";
        why: "Nothing new can be made durable; what was acknowledged is safe.",
            "新内容无法落盘；已确认的内容安全。";
        remedy: "Free space; the desk goes on by itself.", "请清理空间；服务台会自动恢复。";
    }
    7006 DISK_FILES_LOW Finding {
        what: "The file system has few file entries left.", "文件系统剩余的文件条目很少。";
        why: "Attachments are files; without an entry none can be stored.",
            "附件以文件保存；没有条目就无法保存。";
        remedy: "Remove files that are not needed: `df -i` shows the count.",
            "请删除不需要的文件：df -i 可查看数量。";
    }
    7007 STORE_READ_ONLY Fault {
        what: "The store takes nothing new.", "存储暂停写入。";
        why: "The disk refused a write; what was acknowledged is safe and can be read.",
            "磁盘拒绝写入；已确认的内容安全且可读。";
        remedy: "Look at the disk (`dmesg`); the desk goes on by itself within ten seconds.",
            "请检查磁盘（dmesg）；故障排除后十秒内自动恢复。";
    }
    7008 JOURNAL_LAGS Finding {
        what: "The database does not keep up with the journal.", "数据库写入跟不上日志。";
        why: "When the journal is full, new messages are refused for a moment.",
            "日志写满时会短暂拒绝新消息。";
        remedy: "Give the desk a faster disk, or a larger `store.journal_segment_mib`.",
            "请使用更快的磁盘，或增大 store.journal_segment_mib。";
    }
    7009 CERTIFICATE_ENDS Finding {
        what: "The certificate ends within 30 days.", "证书将在 30 天内到期。";
        why: "Afterwards browsers refuse to connect.", "到期后浏览器将拒绝连接。";
        remedy: "Renew it: `posthouse cert renew`, or import the new one: `posthouse cert import`.",
            "请续期：posthouse cert renew；或导入新证书：posthouse cert import。";
    }
    7010 CERTIFICATE_ENDED Fault {
        what: "The certificate has ended.", "证书已过期。";
        why: "Browsers refuse to connect.", "浏览器拒绝连接。";
        remedy: "Renew it: `posthouse cert renew`, or import the new one: `posthouse cert import`.",
            "请续期：posthouse cert renew；或导入新证书：posthouse cert import。";
    }
    7011 CERTIFICATE_EARLY Finding {
        what: "The certificate is not valid yet.", "证书尚未生效。";
        why: "Browsers refuse to connect until its time has come.", "生效前浏览器会拒绝连接。";
        remedy: "Check the machine's clock, or import another certificate.", "请检查本机时钟，或导入其他证书。";
    }
    7012 NOT_LISTENING Fault {
        what: "A listener does not answer.", "监听端口没有响应。";
        why: "Nobody can reach the desk by it.", "无法通过它访问服务台。";
        remedy: "Restart the service, and look at its log.", "请重启服务并查看日志。";
    }
    7013 DESCRIPTORS_LOW Finding {
        what: "The process may open few files and connections.", "进程可打开的文件和连接数很少。";
        why: "Every visitor needs one; further ones are turned away.", "每位访客占用一个；超出者会被拒绝。";
        remedy: "Raise the limit: LimitNOFILE= in the unit, or `ulimit -n`.",
            "请提高上限：单元中的 LimitNOFILE=，或 ulimit -n。";
    }
    7014 MEMORY_LOW Finding {
        what: "The machine has little memory left.", "本机剩余内存很少。";
        why: "The system may stop the process, and everybody has to connect again.",
            "系统可能终止进程，所有人需要重新连接。";
        remedy: "Stop other programs, or lower `limits.connections_max`.",
            "请停止其他程序，或降低 limits.connections_max。";
    }
    7015 UNCLAIMED Finding {
        what: "Nobody has claimed this site yet.", "站点尚未被认领。";
        why: "Whoever holds the one-time code can become its owner.", "持有一次性代码的人可以成为所有者。";
        remedy: "Open the printed address and claim it, or run `posthouse setup`.",
            "请打开打印的地址认领，或运行 posthouse setup。";
    }
    7016 NO_PLUGIN_HOST Finding {
        what: "The configuration names plugins, and this build runs none.",
            "配置中有插件，但此版本不运行插件。";
        why: "They are read and kept, and do nothing.", "插件配置会被读取和保留，但不起作用。";
        remedy: "Remove them, or wait for a release that has a plugin host.",
            "请移除，或等待支持插件的版本。";
    }
    7017 AUTHORITY_ENDS Finding {
        what: "The site's own authority ends within a year.", "站点自己的 CA 将在一年内到期。";
        why: "Afterwards nobody who installed it can connect.", "到期后，已安装该 CA 的用户将无法连接。";
        remedy: "Renew it: `posthouse cert ca renew`. Have the new certificate installed before \
                 the old one ends.",
            "请续期：posthouse cert ca renew，并在旧证书到期前让用户安装新的 CA 证书。";
    }
    7018 AUTHORITY_ENDED Fault {
        what: "The site's own authority has ended.", "站点自己的 CA 已过期。";
        why: "Browsers refuse what it issued.", "浏览器拒绝由其签发的证书。";
        remedy: "Renew it: `posthouse cert ca renew`, and have its new certificate installed.",
            "请续期：posthouse cert ca renew，并让用户安装新的 CA 证书。";
    }
    7019 AUDIT_STOPPED Finding {
        what: "The audit log takes nothing.", "审计日志无法写入。";
        why: "Nobody can change settings or passwords until it does; conversations go on.",
            "恢复前无法更改设置或口令；会话不受影响。";
        remedy: "Look at the space and health of the disk.", "请检查磁盘空间与健康状况。";
    }
    7020 AUDIT_OLDER Finding {
        what: "The audit log is an older copy of itself.", "审计日志被换回了较旧的副本。";
        why: "The site's store knows a signed head that the log lacks: its newest lines are gone.",
            "站点存储记有一个日志中已不存在的签名头：最新的记录已缺失。";
        remedy: "Find out who did it; compare with an export: posthouse audit verify --heads FILE.",
            "请查明何人所为，并与此前导出的日志比对：posthouse audit verify --heads FILE。";
    }
    7021 STORE_OLDER Finding {
        what: "The site's store is older than its audit log.", "站点存储比其审计日志更旧。";
        why: "The audit log tells of an act that the store lacks: an older copy was put back.",
            "审计日志记有存储中不存在的操作：可能恢复了旧副本，或丢失了末尾数据。";
        remedy: "After a copy was put back this is expected; else find out who did it.",
            "若刚恢复过备份则属正常；否则请查明何人所为。";
    }
    7022 BACKUP_OVERDUE Finding {
        what: "The last good backup is older than it should be.", "最近一次有效备份已超过计划时间。";
        why: "What was written since then is lost when the disk fails.",
            "磁盘故障时，其后写入的内容将会丢失。";
        remedy: "Plug the medium in, or run `posthouse backup create` and read what it says.",
            "请插入备份介质，或运行 `posthouse backup create` 并查看提示。";
    }
    7023 BOARD_HOT Finding {
        what: "The processor is hot.", "处理器温度过高。";
        why: "Near 85 degrees it slows itself down, and parts age faster.",
            "接近 85 °C 时会自动降频，元件也会加速老化。";
        remedy: "Give the board air or a heat sink, and keep it out of the sun.",
            "请改善通风或加装散热片，并避免阳光直射。";
    }
    7024 BOARD_SLOWED Finding {
        what: "The processor slows itself down to stay cool.", "处理器正在降频以降温。";
        why: "The desk answers more slowly than the board could.", "服务响应会慢于硬件应有的速度。";
        remedy: "Give the board air or a heat sink.", "请改善通风或加装散热片。";
    }
    7025 BOARD_UNDER_VOLTAGE Finding {
        what: "The supply voltage is or was too low.", "供电电压过低（或曾经过低）。";
        why: "Memory cards lose data and boards restart when the voltage falls further.",
            "电压继续下降会导致存储卡丢失数据、设备重启。";
        remedy: "Use the board's own power supply and a short, thick cable.",
            "请使用原装电源和短而粗的电源线。";
    }
    7026 STORAGE_WORN Finding {
        what: "The memory that the data lies on is worn.", "存放数据的存储介质已磨损。";
        why: "Its maker promises no more than its rated life; afterwards writes fail.",
            "超过厂商标称寿命后写入会失败。";
        remedy: "Make a backup and move to a new card or disk.", "请备份并更换新的存储卡或磁盘。";
    }
}
