//! 3xxx: what is wrong with a configuration.

crate::base::code::codes! {
    3001 CONFIG_UNREADABLE Fault {
        what: "The file cannot be read.", "无法读取该文件。";
        why: "A setting names it, and nothing starts on half a configuration.",
            "设置引用了它；配置不完整时不会启动。";
        remedy: "Check the path and who may read the file.", "请检查路径和读取权限。";
    }
    3002 CONFIG_SYNTAX Fault {
        what: "This is not YAML.", "不是有效的 YAML。";
        why: "The file cannot be understood from this line on.", "从这一行起无法解析。";
        remedy: "Check indentation, colons and quotes of this line and the one above it.",
            "请检查本行及上一行的缩进、冒号和引号。";
    }
    3003 CONFIG_UNKNOWN_KEY Fault {
        what: "There is no such key.", "没有这个键。";
        why: "A misspelt key would leave its setting at the default without a word.",
            "拼错的键会让设置悄悄停留在默认值。";
        remedy: "Correct or remove it; `posthouse config schema` lists every key.",
            "请改正或删除；posthouse config schema 列出所有键。";
    }
    3004 CONFIG_WRONG_VALUE Fault {
        what: "The value has the wrong form.", "值的形式不正确。";
        why: "It cannot be used, and guessing would hide the mistake.", "无法使用；猜测会掩盖错误。";
        remedy: "Write it in the form that is asked for.", "请按要求的形式填写。";
    }
    3005 CONFIG_OUT_OF_RANGE Fault {
        what: "The value is out of its range.", "值超出范围。";
        why: "The desk would not work, or not safely, with it.", "使用该值服务台将无法安全运行。";
        remedy: "Choose a value in the range.", "请选择范围内的值。";
    }
    3006 CONFIG_CONFLICT Fault {
        what: "This setting needs another one, or contradicts it.", "该设置缺少配套设置，或与其冲突。";
        why: "Only one of them can be meant.", "两者只能有一种含义。";
        remedy: "Set both, or remove one.", "请同时设置，或删除其一。";
    }
    3007 CONFIG_MISSING Fault {
        what: "A key is missing here.", "此处缺少一个键。";
        why: "The item cannot be used without it.", "没有它该项无法使用。";
        remedy: "Add the key.", "请补充该键。";
    }
    3008 CONFIG_UNKNOWN_VARIABLE Finding {
        what: "The environment has a variable that names no setting.", "环境变量未对应任何设置。";
        why: "It begins with POSTHOUSE_ but nothing reads it.", "它以 POSTHOUSE_ 开头，但没有被使用。";
        remedy: "Correct or unset it; `posthouse config schema` lists every key.",
            "请改正或取消；posthouse config schema 列出所有键。";
    }
    3009 CONFIG_NEEDS_RESTART Finding {
        what: "The change takes effect at the next start.", "该更改将在下次启动时生效。";
        why: "The setting is bound to sockets, threads or files that are open.",
            "该设置与已打开的套接字、线程或文件绑定。";
        remedy: "Restart the service when it suits: `systemctl restart posthouse`.",
            "请在合适的时候重启服务：systemctl restart posthouse。";
    }
    3010 CONFIG_KEPT Finding {
        what: "The new configuration was not taken; the old one stays in force.",
            "未采用新配置；原配置继续生效。";
        why: "It has a mistake, and half a configuration is worse than an old one.",
            "新配置有误；不完整的配置比旧配置更糟。";
        remedy: "Run `posthouse config check`, correct it and reload again.",
            "请运行 posthouse config check，改正后重新加载。";
    }
}
