//! 8xxx: what the first process of the disk image says on its screen.

crate::base::code::codes! {
    8001 APPLIANCE_NOT_FIRST Refusal {
        what: "This is not the first process of a disk image.", "这不是磁盘映像的首个进程。";
        why: "It would take over file systems, network and power of this machine.",
            "否则它会接管本机的文件系统、网络和电源。";
        remedy: "Run the desk with `posthouse serve`.", "请用 posthouse serve 运行服务。";
    }
    8002 APPLIANCE_NO_DATA Fault {
        what: "The data partition was not found.", "未找到数据分区。";
        why: "Everything the desk keeps lies on the partition named posthouse-data.",
            "服务的全部数据都在名为 posthouse-data 的分区上。";
        remedy: "Check the disk and its cable; the search goes on. Else flash the image again.",
            "请检查磁盘和接线；系统会继续查找。仍找不到时请重新写入映像。";
    }
    8003 APPLIANCE_DATA_DAMAGED Fault {
        what: "The data partition cannot be used.", "数据分区无法使用。";
        why: "Its file system could not be checked or mounted.", "文件系统检查或挂载失败。";
        remedy: "Save the disk before anything else; then restore a backup to a new one.",
            "请先保全磁盘，再将备份恢复到新磁盘。";
    }
    8004 APPLIANCE_NOT_GROWN Finding {
        what: "The data partition did not take the whole disk.", "数据分区未能扩展到整个磁盘。";
        why: "There is less room than the disk has.", "可用空间少于磁盘容量。";
        remedy: "It is tried again at the next start; read the words before this code.",
            "下次启动时会重试；请查看错误码前的内容。";
    }
    8005 APPLIANCE_SETTINGS_LEFT_OUT Finding {
        what: "The settings on the boot partition have a mistake and were not taken.",
            "启动分区上的设置有误，未被采用。";
        why: "The desk runs on its defaults, so that it can be reached and set up.",
            "服务以默认设置运行，以便访问和设置。";
        remedy: "Correct the line that is named above in posthouse.yaml and start again.",
            "请更正 posthouse.yaml 中上文指出的行，然后重新启动。";
    }
    8006 APPLIANCE_SAFE_MODE Finding {
        what: "The desk ended too often and runs in safe mode.", "服务多次异常结束，已进入安全模式。";
        why: "Safe mode leaves the settings out, in case they are the reason.",
            "安全模式不使用设置文件，以排除其影响。";
        remedy: "Read the log (file export-logs on the boot partition), then start again.",
            "请查看日志（在启动分区放置文件 export-logs），然后重新启动。";
    }
    8007 APPLIANCE_TRIAL_FAILED Finding {
        what: "This version did not become ready and healthy in time.", "此版本未能按时就绪并通过检查。";
        why: "A version that was not proven is given up for the one before.",
            "未经验证的版本会被放弃，恢复为之前的版本。";
        remedy: "The machine starts again by itself; keep the log for the report.",
            "机器会自动重新启动；请保留日志以便报告。";
    }
    8008 APPLIANCE_CLOCK_BEHIND Finding {
        what: "The clock was behind the last known time and was set to that.",
            "时钟落后于上次已知时间，已调整到该时间。";
        why: "The machine has no clock of its own, or its battery is empty.",
            "本机没有实时时钟，或电池已耗尽。";
        remedy: "Set the time, or let a time server of your network do it.",
            "请设置时间，或使用内网时间服务器。";
    }
    8009 APPLIANCE_BOOT_PARTITION Finding {
        what: "The boot partition could not be used.", "启动分区无法使用。";
        why: "Settings, requests and the mark of a good version are files on it.",
            "设置、请求文件和版本确认标记都保存在该分区。";
        remedy: "Look at it on another computer; the desk runs on its defaults meanwhile.",
            "请在另一台计算机上检查；其间服务以默认设置运行。";
    }
}
