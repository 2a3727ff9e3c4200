//! 1xxx: what the desk and the protocol refuse.

crate::base::code::codes! {
    1001 BUSY Refusal {
        what: "The desk is busy and did not take this.", "服务台繁忙，未接收此请求。";
        why: "Nothing was stored; sending it again with the same key is safe.",
            "未保存任何内容；用同一个键重发是安全的。";
        remedy: "Wait for the time given and send it again.", "请按提示的时间等待后重发。";
    }
    1002 DENIED Refusal {
        what: "You may not do this.", "您没有权限执行此操作。";
        why: "It belongs to somebody else or needs another role.", "它属于他人，或需要其他角色。";
        remedy: "Ask an owner of the site for the right.", "请向站点所有者申请权限。";
    }
    1003 NO_CONVERSATION Refusal {
        what: "There is no such conversation.", "会话不存在。";
        why: "It was never opened, or it is not yours.", "会话从未创建，或不属于您。";
        remedy: "Open it with the first message, or reload the page.",
            "请随第一条消息创建会话，或刷新页面。";
    }
    1004 TEXT_TOO_LONG Refusal {
        what: "The text is too long.", "文本过长。";
        why: "A message holds 8 KiB of text.", "单条消息最多 8 KiB 文本。";
        remedy: "Split it, or send it as a file.", "请分段发送，或作为文件发送。";
    }
    1005 EMPTY Refusal {
        what: "The message is empty.", "消息为空。";
        why: "There is nothing to deliver.", "没有可投递的内容。";
        remedy: "Write something or attach a file.", "请输入内容或添加附件。";
    }
    1006 KEY_CONFLICT Refusal {
        what: "This key was used for another message.", "该消息键已用于另一条消息。";
        why: "A key names one message for ever.", "一个键永久对应一条消息。";
        remedy: "Choose a new key (UUIDv7) for every new message.",
            "请为每条新消息选择新的键（UUIDv7）。";
    }
    1007 BAD_KEY Refusal {
        what: "The message key is not a UUIDv7.", "消息键不是 UUIDv7。";
        why: "Keys carry their time so that retries are found quickly.", "键中带有时间，便于快速查重。";
        remedy: "Use a UUIDv7 of 16 bytes.", "请使用 16 字节的 UUIDv7。";
    }
    1008 CLOSED Refusal {
        what: "The conversation is resolved.", "会话已结束。";
        why: "This can only be done while it is open.", "此操作仅在会话进行中可用。";
        remedy: "Write a message to reopen it.", "发送一条消息即可重新打开。";
    }
    1009 TOO_LATE Refusal {
        what: "It is too late to recall this message.", "已超过撤回时限。";
        why: "Messages can be recalled for two minutes.", "消息仅可在两分钟内撤回。";
        remedy: "Send a correction instead.", "请另发一条更正消息。";
    }
    1010 NO_TARGET Refusal {
        what: "The message to recall was not found.", "未找到要撤回的消息。";
        why: "Only your own messages in this conversation can be recalled.",
            "只能撤回本会话中您自己的消息。";
        remedy: "Reload the conversation and choose again.", "请刷新会话后重新选择。";
    }
    1011 NO_AGENT Refusal {
        what: "There is no such agent, or the agent is disabled.", "客服不存在或已停用。";
        why: "A conversation can only be given to somebody who can answer.",
            "会话只能交给可以应答的客服。";
        remedy: "Choose another agent or a team.", "请选择其他客服或团队。";
    }
    1012 NO_TEAM Refusal {
        what: "There is no such team.", "团队不存在。";
        why: "The conversation needs a queue to wait in.", "会话需要有队列等待。";
        remedy: "Choose another team.", "请选择其他团队。";
    }
    1013 NO_INBOX Refusal {
        what: "There is no inbox with this key, or it is disabled.", "没有此密钥的收件箱，或已停用。";
        why: "The snippet on the page names the inbox that receives its messages.",
            "页面代码中的密钥决定由哪个收件箱接收消息。";
        remedy: "Copy the snippet again from the console's settings.", "请在控制台设置中重新复制代码。";
    }
    1014 NO_BLOB Refusal {
        what: "The attachment was not found.", "未找到附件。";
        why: "A file is uploaded to its conversation before the message that shows it.",
            "附件须先上传到该会话，再发送消息。";
        remedy: "Upload the file again.", "请重新上传文件。";
    }
    1015 BAD_RATING Refusal {
        what: "The rating is not between 1 and 5.", "评分不在 1 到 5 之间。";
        why: "Ratings are counted in five steps.", "评分按五档统计。";
        remedy: "Choose 1 to 5.", "请选择 1 到 5。";
    }
    1016 CLOCK_SKEW Refusal {
        what: "This client's clock is far off, and it sends too fast.", "客户端时钟偏差过大且发送过快。";
        why: "Keys more than a day off cost the store a search of its own.",
            "偏差超过一天的键需要额外查找。";
        remedy: "Set the clock, or send more slowly.", "请校准时钟，或降低发送速度。";
    }
    1017 ALREADY_ASSIGNED Refusal {
        what: "Somebody else has taken this conversation.", "会话已被他人接起。";
        why: "One agent owns a conversation at a time.", "一个会话同一时间只由一位客服负责。";
        remedy: "Ask for a transfer, or add a note.", "请申请转接，或添加备注。";
    }
    1018 NAME_TOO_LONG Refusal {
        what: "A name, address or comment is too long.", "名称、地址或评论过长。";
        why: "Names hold 128 bytes, comments 1 KiB.", "名称最多 128 字节，评论最多 1 KiB。";
        remedy: "Shorten it.", "请缩短。";
    }
    1019 BAD_VALUE Refusal {
        what: "A field has a value that does not exist.", "字段的值无效。";
        why: "The desk stores nothing it cannot read back.", "服务台不保存无法读回的内容。";
        remedy: "Compare the request with the manual's field list.", "请对照手册中的字段列表检查请求。";
    }
    1020 NAME_TAKEN Refusal {
        what: "This name is already in use.", "该名称已被使用。";
        why: "Sign-in names and keys are unique on a site.", "登录名和密钥在站点内唯一。";
        remedy: "Choose another name.", "请换一个名称。";
    }
    1021 LAST_OWNER Refusal {
        what: "The last owner cannot be removed or disabled.", "不能移除或停用最后一位所有者。";
        why: "Nobody could administer the site afterwards.", "否则将无人可以管理站点。";
        remedy: "Make somebody else an owner first.", "请先将他人设为所有者。";
    }
    1022 TOO_MANY Refusal {
        what: "There are too many of these.", "数量超过上限。";
        why: "Every list has a limit, so that a small board keeps its memory.",
            "每个列表都有上限，以保证小型设备的内存。";
        remedy: "Remove one first.", "请先移除一项。";
    }
    1023 ERASED Refusal {
        what: "The conversation was erased.", "会话已被彻底删除。";
        why: "Whoever may erase on this site deleted it for ever; nobody can read it any more.",
            "有删除权限的管理员已将其永久删除，任何人都无法再读取。";
        remedy: "Begin a new conversation.", "请开始新的会话。";
    }
    1031 ROLE_NOT_HERE Refusal {
        what: "This role is not held on this site.", "本站点不设该角色。";
        why: "Owners exist only while duties are together, these administrators only after.",
            "所有者仅存在于未分离职责的站点；三员仅存在于职责已分离的站点。";
        remedy: "Choose another role, or separate the duties first.", "请选择其他角色，或先启用三员分立。";
    }
    1032 DUTIES_SEPARATED Refusal {
        what: "The duties of this site are separated already.", "本站点已启用三员分立。";
        why: "Three administrators share them; nobody changes that in the console.",
            "已由三员分担，且不能在控制台中更改。";
        remedy: "Let the security administrator give roles, or combine the duties on the machine.",
            "请由安全管理员调整角色，或由运维人员在本机合并职责。";
    }
    1033 LAST_ADMINISTRATOR Refusal {
        what: "The last administrator of this kind stays.", "该类管理员至少保留一名。";
        why: "Nobody could do their duty any more.", "否则将无人履行该职责。";
        remedy: "Give the role to somebody else first.", "请先将该角色授予其他人。";
    }
    1034 THREE_PEOPLE_NEEDED Refusal {
        what: "Three different people are needed.", "需要三名不同的人员。";
        why: "System, security and audit administrator are three: nobody acts for another.",
            "系统、安全、审计管理员须为三个不同的账号，互不兼任。";
        remedy: "Add the accounts that are missing and name each once.",
            "请先添加所缺账号，并各指定一次。";
    }
    1035 DUTIES_TOGETHER Refusal {
        what: "The duties of this site are not separated.", "本站点未启用三员分立。";
        why: "Owners administer it, and there is nothing to combine.",
            "站点由所有者管理，无需合并。";
        remedy: "Separate them with posthouse duties separate.",
            "请使用 posthouse duties separate 启用。";
    }
    1101 BAD_FRAME Refusal {
        what: "The frame could not be read.", "无法解析该数据帧。";
        why: "It is not a posthouse.v1 message, or a field has the wrong length.",
            "它不是 posthouse.v1 消息，或字段长度有误。";
        remedy: "Update the client.", "请更新客户端。";
    }
    1102 FRAME_TOO_LONG Refusal {
        what: "The frame is too long.", "数据帧过长。";
        why: "A frame holds 64 KiB; files go by HTTP upload.", "单帧最多 64 KiB；文件请通过 HTTP 上传。";
        remedy: "Send less in one frame.", "请减少单帧内容。";
    }
    1103 HELLO_FIRST Refusal {
        what: "The first frame must be Hello.", "第一帧必须是 Hello。";
        why: "The server must know who speaks.", "服务器需要知道对方身份。";
        remedy: "Send Hello with the token and the cursors.", "请先发送带令牌和游标的 Hello。";
    }
    1104 BAD_TOKEN Refusal {
        what: "The token or session is not valid.", "令牌或登录会话无效。";
        why: "It has expired, was revoked, or belongs to another site.", "已过期、被撤销，或属于其他站点。";
        remedy: "Sign in again, or reload the page.", "请重新登录，或刷新页面。";
    }
    1105 TOO_MANY_FEEDS Refusal {
        what: "The connection follows too many feeds.", "该连接订阅过多。";
        why: "A connection follows at most 64.", "一个连接最多订阅 64 个。";
        remedy: "Unfollow one first.", "请先取消一个订阅。";
    }
    1106 SLOW_READER Refusal {
        what: "The connection was closed because it does not read.", "连接因长时间不读取而被关闭。";
        why: "Waiting bytes of one peer are bounded; nothing is lost.", "单个对端的待发字节有上限；不会丢失内容。";
        remedy: "Connect again; it resumes by cursor.", "请重新连接，将按游标续传。";
    }
    1107 IDLE Refusal {
        what: "The connection was silent for too long.", "连接静默时间过长。";
        why: "Half-open sockets are closed so that they do not hold a place.", "关闭半开连接以释放资源。";
        remedy: "Connect again; it resumes by cursor.", "请重新连接，将按游标续传。";
    }
    1108 GOING_AWAY Refusal {
        what: "The server is restarting.", "服务器正在重启。";
        why: "Everything acknowledged is on disk.", "已确认的内容均已落盘。";
        remedy: "Connect again after the time given.", "请按提示的时间后重新连接。";
    }
    1109 ORIGIN Refusal {
        what: "This page may not use the inbox.", "该页面不允许使用此收件箱。";
        why: "The inbox lists the origins it serves.", "收件箱限定了可用来源。";
        remedy: "Add the page's origin to the inbox in the console's settings.",
            "请在控制台设置中将该页面来源加入收件箱。";
    }
    1110 READ_ONLY Refusal {
        what: "The store cannot take anything new at the moment.", "存储暂时无法写入。";
        why: "The disk is full or failing; what was acknowledged is safe and can be read.",
            "磁盘已满或出现故障；已确认的内容安全且可读。";
        remedy: "Free or replace the disk; the desk resumes by itself.",
            "请清理或更换磁盘；服务台会自动恢复。";
    }
}
