//! 4xxx: faults of the disk and the store.

crate::base::code::codes! {
    4001 STORE_IN_USE Fault {
        what: "Another process uses the data folder.", "数据目录正被另一个进程使用。";
        why: "Two writers would destroy each other's log.", "两个写入者会互相破坏日志。";
        remedy: "Stop the other posthouse process, or give another --data folder.",
            "请停止另一个 posthouse 进程，或用 --data 指定其他目录。";
    }
    4002 DISK_FAULT Fault {
        what: "The disk does not take or give data.", "磁盘读写失败。";
        why: "Nothing new is acknowledged until it does; what was acknowledged can be read.",
            "恢复前不会确认新内容；已确认的内容可读。";
        remedy: "Look at the kernel log (dmesg), the cable, the card; the desk resumes by itself.",
            "请检查内核日志（dmesg）、线缆和存储卡；恢复后服务台会自动继续。";
    }
    4003 DISK_FULL Fault {
        what: "The disk is full.", "磁盘已满。";
        why: "Nothing new can be stored; what was acknowledged can be read.",
            "无法保存新内容；已确认的内容可读。";
        remedy: "Free some space; the desk resumes by itself within ten seconds.",
            "请释放空间；服务台会在十秒内自动恢复。";
    }
    4004 JOURNAL_DAMAGED Fault {
        what: "The journal is damaged before its end.", "日志文件在末尾之前损坏。";
        why: "Entries after the damage were acknowledged; going on would lose them silently.",
            "损坏处之后的条目已确认；继续运行会悄悄丢失它们。";
        remedy: "Copy the data folder, then run `posthouse store repair`.",
            "请先备份数据目录，再运行 `posthouse store repair`。";
    }
    4005 DATABASE_DAMAGED Fault {
        what: "The database is damaged.", "数据库损坏。";
        why: "A row does not match its checksum or cannot be read.", "有记录与校验和不符或无法读取。";
        remedy: "Copy the data folder, then run `posthouse store repair`.",
            "请先备份数据目录，再运行 `posthouse store repair`。";
    }
    4006 NEWER_FORMAT Fault {
        what: "The store was written by a newer version.", "存储由更新的版本写入。";
        why: "This version could misread it.", "当前版本可能误读其内容。";
        remedy: "Install the newer version again.", "请重新安装较新的版本。";
    }
    4007 FOREIGN_JOURNAL Fault {
        what: "The journal belongs to another store.", "日志文件属于另一个存储。";
        why: "The two files were not copied together.", "两个文件不是一起复制的。";
        remedy: "Restore journal and store.redb from the same copy.",
            "请从同一份备份恢复 journal 与 store.redb。";
    }
    4008 JOURNAL_FULL Fault {
        what: "The journal has no room.", "日志空间已用尽。";
        why: "The database does not take entries as fast as they come, or not at all.",
            "数据库写入过慢或已停止。";
        remedy: "Look at the disk's speed and space; the desk resumes by itself.",
            "请检查磁盘速度和空间；服务台会自动恢复。";
    }
    4009 SEAL_BROKEN Fault {
        what: "Sealed bytes do not open.", "密封的数据无法打开。";
        why: "The disk gave back other bytes than were written, or somebody changed them.",
            "磁盘返回的数据与写入时不同，或已被人改动。";
        remedy: "Copy the data folder as it is, look at the audit log, then restore a backup.",
            "请原样复制数据目录，查看审计日志，然后恢复备份。";
    }
    4010 STORE_SEALED Fault {
        what: "The store is sealed and no key is configured.", "存储已密封，但未配置密钥。";
        why: "Without its key nothing in it can be read.", "没有密钥就无法读取其中任何内容。";
        remedy: "Give the key's source back: crypto.key.passphrase_file, or the unit's credential.",
            "请恢复密钥来源：crypto.key.passphrase_file，或服务单元的凭据。";
    }
    4011 STORE_NOT_SEALED Fault {
        what: "A key is configured, but the store is not sealed.", "已配置密钥，但存储未密封。";
        why: "A plain store in a sealed one's place is not taken for it.",
            "不会把替换上的明文存储当作密封存储。";
        remedy: "Seal it with `posthouse store seal`, or take crypto.key out of the configuration.",
            "请用 `posthouse store seal` 密封，或从配置中删除 crypto.key。";
    }
    4012 KEY_FAULT Fault {
        what: "The key file does not open.", "密钥文件无法打开。";
        why: "The passphrase is another one, the key store does not answer, or the file changed.",
            "口令不符、密钥库无应答，或文件已被改动。";
        remedy: "The message says which; put the passphrase or a copy of the file back.",
            "消息会说明原因；请恢复口令或密钥文件的副本。";
    }
    4013 AUDIT_BEHIND Fault {
        what: "The audit log takes nothing.", "审计日志无法写入。";
        why: "What must be written down is not done until it can be; visitors and agents go on.",
            "须留痕的操作在恢复前不予执行；访客与客服的会话不受影响。";
        remedy: "Look at the disk's space and health; the lines that wait are written first.",
            "请检查磁盘空间与健康状况；等待中的审计记录会最先写入。";
    }
    4014 BODY_KEY_DAMAGED Fault {
        what: "The key of a conversation is damaged.", "会话的密钥已损坏。";
        why: "Its slot in the file bodies holds other bytes than were written; others are whole.",
            "bodies 文件中该会话的密钥槽与写入时不同；其他会话不受影响。";
        remedy: "Restore all files from a backup, or erase the conversation; replace the disk.",
            "请从备份恢复全部文件，或彻底删除该会话；并更换磁盘。";
    }
    4015 BACKUP_UNREACHABLE Fault {
        what: "The folder of the backups cannot be read or written.", "备份文件夹无法读写。";
        why: "It is not plugged in, not mounted, read-only, or failing.",
            "未插入、未挂载、只读或介质故障。";
        remedy: "Plug it in or mount it, look at the kernel log (dmesg), and try again.",
            "请插入或挂载该介质，查看内核日志（dmesg）后重试。";
    }
    4016 BACKUP_FULL Fault {
        what: "The folder of the backups is full.", "备份文件夹所在磁盘已满。";
        why: "The new backup was given up; the earlier ones and the desk are as they were.",
            "本次备份已放弃；此前的备份和服务台不受影响。";
        remedy: "Free space there, keep fewer backups (backup.keep), or take a larger medium.",
            "请清理空间、减少保留份数（backup.keep）或换用更大的介质。";
    }
    4017 BACKUP_ABSENT Fault {
        what: "There are no backups in this folder.", "该文件夹中没有备份。";
        why: "It is another folder, or the medium is not plugged in.", "文件夹不对，或介质未插入。";
        remedy: "Check backup.folder or --from; `posthouse backup create` makes the first one.",
            "请检查 backup.folder 或 --from；首份备份由 `posthouse backup create` 创建。";
    }
    4018 BACKUP_BROKEN Fault {
        what: "A file of a backup is not what was written.", "备份中的文件与写入时不同。";
        why: "It was cut off, changed, moved, is missing, or belongs to another folder.",
            "该文件被截断、改动、移动、缺失，或属于另一个文件夹。";
        remedy: "Use another backup; `posthouse backup verify` says which ones are good.",
            "请使用其他备份；`posthouse backup verify` 可查明哪些完好。";
    }
    4019 BACKUP_FOREIGN Fault {
        what: "The folder has the backups of another site.", "该文件夹存有另一个站点的备份。";
        why: "Two sites in one folder would take each other's backups away.",
            "两个站点共用文件夹会互相删除备份。";
        remedy: "Give this site a folder of its own: backup.folder.",
            "请为本站点指定独立的文件夹：backup.folder。";
    }
    4020 BACKUP_UNSOUND Fault {
        what: "A backup was read back and is not sound.", "备份读回后检查未通过。";
        why: "What was copied has findings, so it is not kept as a good one.",
            "复制的内容存在问题，因此不算作有效备份。";
        remedy: "Run `posthouse store check` on the site, repair it, and make another.",
            "请对站点运行 `posthouse store check`，修复后重新备份。";
    }
    4021 BACKUP_STOPPED Fault {
        what: "The backup was not finished.", "备份未完成。";
        why: "The desk stops, or files changed each time they were copied.",
            "服务台正在停止，或文件在复制期间不断变化。";
        remedy: "Make it again; the earlier backups are as they were.",
            "请重新备份；此前的备份不受影响。";
    }
    4022 RESTORE_OCCUPIED Fault {
        what: "There is a site in this data folder.", "该数据文件夹中已有站点。";
        why: "A backup is not put over it unasked.", "未经确认不会用备份覆盖它。";
        remedy: "Name an empty folder with --data, or keep the old site beside it: --beside.",
            "请用 --data 指定空文件夹，或用 --beside 将旧站点保留在旁边。";
    }
    4023 NO_ROOM Fault {
        what: "The disk has not enough room for this.", "磁盘空间不足，无法执行。";
        why: "Everything is made beside the old data first, and nothing was changed.",
            "新数据须先在旧数据旁边生成；尚未做任何更改。";
        remedy: "Free as much space as the message says, and try again.",
            "请按消息所示释放空间后重试。";
    }
    4101 ROW_DAMAGED Finding {
        what: "An entry does not match its checksum.", "有条目与校验和不符。";
        why: "The disk gave back other bytes than were written.", "磁盘返回的数据与写入时不同。";
        remedy: "Restore a backup of the entry's conversation; replace the disk.",
            "请从备份恢复该会话，并更换磁盘。";
    }
    4102 FEED_HOLE Finding {
        what: "A feed has a hole.", "订阅序列存在空洞。";
        why: "Its readers would wait for an entry that does not come.", "读者会一直等待不存在的条目。";
        remedy: "Run `posthouse store repair` and report it.",
            "请运行 `posthouse store repair` 并反馈此问题。";
    }
    4103 BLOB_MISSING Finding {
        what: "The file of an attachment is missing or has another size.", "附件文件缺失或大小不符。";
        why: "Whoever opens the attachment gets nothing.", "打开该附件的人将得不到内容。";
        remedy: "Put the file back from a copy: blobs/xx/ID, xx are the last two digits of the ID.",
            "请从备份放回该文件：blobs/xx/ID，xx 为 ID 的最后两位。";
    }
    4104 AUDIT_CHANGED Finding {
        what: "The audit log is not what was written.", "审计日志与写入时不符。";
        why: "Lines were changed, moved, added or taken away: by hand, or by a disk that fails.",
            "有记录被改动、移动、添加或删除：人为或磁盘故障所致。";
        remedy: "Keep the files as they are, compare with an export, and find out who had access.",
            "请原样保留这些文件，与此前导出的日志比对，并查明何人有权访问。";
    }
}
