//! 2xxx: what HTTP, sign-in and uploads refuse.

crate::base::code::codes! {
    2001 NO_PAGE Refusal {
        what: "There is nothing at this address.", "此地址没有内容。";
        why: "The path is wrong, or it belongs to another version.", "路径有误，或属于其他版本。";
        remedy: "Start at the first page, or compare with /v1/openapi.json.",
            "请从首页进入，或对照 /v1/openapi.json。";
    }
    2002 METHOD Refusal {
        what: "This address does not take this method.", "此地址不支持该请求方法。";
        why: "The Allow header lists the methods it takes.", "Allow 响应头列出了支持的方法。";
        remedy: "Use one of them.", "请改用其中之一。";
    }
    2003 BODY_TOO_LONG Refusal {
        what: "The body of the request is too long.", "请求体过长。";
        why: "Bodies are limited so that a small board keeps its memory.",
            "请求体有上限，以保证小型设备的内存。";
        remedy: "Send less at a time.", "请减少单次发送的内容。";
    }
    2004 BAD_JSON Refusal {
        what: "The body is not the JSON that is expected here.", "请求体不是此处所需的 JSON。";
        why: "A value has another type, or the text breaks off.", "某个值的类型不符，或文本不完整。";
        remedy: "Compare the request with /v1/openapi.json.", "请对照 /v1/openapi.json 检查请求。";
    }
    2005 UNKNOWN_FIELD Refusal {
        what: "The request has a field that does not exist.", "请求中含有不存在的字段。";
        why: "A misspelt field would otherwise be ignored in silence.", "否则拼写错误的字段会被悄悄忽略。";
        remedy: "Correct or remove the field that is named.", "请更正或删除所指出的字段。";
    }
    2006 MISSING_FIELD Refusal {
        what: "The request lacks a field.", "请求缺少字段。";
        why: "Nothing is guessed in its place.", "系统不会猜测其值。";
        remedy: "Add the field that is named.", "请补上所指出的字段。";
    }
    2007 MEDIA_TYPE Refusal {
        what: "The body has the wrong Content-Type.", "请求体的 Content-Type 不正确。";
        why: "JSON requests say application/json, frames application/x-protobuf.",
            "JSON 请求应为 application/json，数据帧应为 application/x-protobuf。";
        remedy: "Set the Content-Type header.", "请设置 Content-Type 请求头。";
    }
    2008 BAD_QUERY Refusal {
        what: "A parameter of the address is missing or wrong.", "地址中的参数缺失或有误。";
        why: "The request cannot be answered without it.", "缺少它无法答复该请求。";
        remedy: "Correct the parameter that is named.", "请更正所指出的参数。";
    }
    2009 SIGN_IN_FIRST Refusal {
        what: "You are not signed in.", "您尚未登录。";
        why: "This is for agents of the site, or for the holder of a visitor's token.",
            "仅限站点客服或持有访客令牌者使用。";
        remedy: "Sign in and try again.", "请登录后重试。";
    }
    2010 BAD_PASSWORD Refusal {
        what: "The sign-in name or the password is wrong.", "登录名或密码错误。";
        why: "Which of the two is not said, so that names cannot be guessed.",
            "为防止猜测登录名，不提示具体哪一项有误。";
        remedy: "Try again, or ask an owner to set a new password.", "请重试，或请所有者重设密码。";
    }
    2011 LOCKED_OUT Refusal {
        what: "There were too many wrong attempts.", "错误尝试次数过多。";
        why: "Each further attempt must wait longer, so that passwords cannot be guessed.",
            "为防止猜测密码，每次重试需等待更久。";
        remedy: "Wait for the time given and try again.", "请按提示的时间等待后重试。";
    }
    2012 CROSS_SITE Refusal {
        what: "The request comes from a page of another site.", "请求来自其他网站的页面。";
        why: "Only the desk's own pages may act for somebody who is signed in.",
            "只有服务台自己的页面可以代表已登录者操作。";
        remedy: "Open the console itself and do it there.", "请打开控制台进行操作。";
    }
    2013 NO_SUBPROTOCOL Refusal {
        what: "The WebSocket does not speak posthouse.v1.", "WebSocket 未使用 posthouse.v1 子协议。";
        why: "Client and server must agree on the protocol by name.", "客户端与服务器须按名称约定协议。";
        remedy: "Send Sec-WebSocket-Protocol: posthouse.v1, or update the client.",
            "请发送 Sec-WebSocket-Protocol: posthouse.v1，或更新客户端。";
    }
    2014 NOT_WEBSOCKET Refusal {
        what: "This address takes WebSocket connections only.", "此地址仅接受 WebSocket 连接。";
        why: "The request has no valid WebSocket upgrade; a proxy may have removed it.",
            "请求缺少有效的 WebSocket 升级头，可能被代理去除。";
        remedy: "Let the proxy pass Upgrade and Connection, or use /v1/frames and /v1/feed.",
            "请让代理转发 Upgrade 和 Connection，或改用 /v1/frames 与 /v1/feed。";
    }
    2015 CLAIMED Refusal {
        what: "This box has its owner already.", "本机已有所有者。";
        why: "Claiming happens once.", "认领只能进行一次。";
        remedy: "Sign in as the owner, or run posthouse reset-password on the box.",
            "请以所有者身份登录，或在本机运行 posthouse reset-password。";
    }
    2016 BAD_SETUP_CODE Refusal {
        what: "The one-time code is wrong.", "一次性设置码错误。";
        why: "It proves that you have access to the box itself.", "它用于证明您可以接触本机。";
        remedy: "Read the code from the box's screen, log or label and type it again.",
            "请查看本机屏幕、日志或标签上的设置码后重新输入。";
    }
    2017 NOT_CLAIMED Refusal {
        what: "This box has no owner yet.", "本机尚未认领。";
        why: "Nobody can sign in before it is set up.", "完成设置之前无法登录。";
        remedy: "Open /setup and enter the one-time code.", "请打开 /setup 并输入一次性设置码。";
    }
    2018 WEAK_PASSWORD Refusal {
        what: "The password is too short or too long.", "密码过短或过长。";
        why: "Passwords have 10 to 128 characters and are not the sign-in name.",
            "密码为 10 至 128 个字符，且不能与登录名相同。";
        remedy: "Choose a longer one; a short sentence is good.", "请选择更长的密码，一句短语即可。";
    }
    2019 FILE_TYPE Refusal {
        what: "Files of this kind are not accepted.", "不接受此类文件。";
        why: "The kind is found by the file's first bytes, whatever its name says.",
            "文件类型由文件开头的字节判断，与文件名无关。";
        remedy: "Send a picture, sound, film, PDF, office document, ZIP or plain text.",
            "请发送图片、音频、视频、PDF、办公文档、ZIP 或纯文本。";
    }
    2020 FILE_TOO_LARGE Refusal {
        what: "The file is too large.", "文件过大。";
        why: "The size of an attachment is a setting of the site.", "附件大小由站点设置决定。";
        remedy: "Send a smaller file.", "请发送较小的文件。";
    }
    2021 IMAGE_TOO_LARGE Refusal {
        what: "The picture has too many pixels or a broken header.", "图片像素过多或文件头损坏。";
        why: "Opening it could exhaust the memory of the person who looks at it.",
            "打开它可能耗尽查看者的内存。";
        remedy: "Send a smaller picture.", "请发送较小的图片。";
    }
    2022 QUOTA Refusal {
        what: "This conversation has no room for more files.", "该会话的文件空间已用完。";
        why: "The files of one conversation are limited so that one visitor cannot fill the disk.",
            "限制单个会话的文件总量，以免一位访客占满磁盘。";
        remedy: "Send the file another way.", "请通过其他方式发送文件。";
    }
    2023 EMPTY_FILE Refusal {
        what: "The file is empty, or the upload broke off.", "文件为空，或上传中断。";
        why: "Nothing was stored.", "未保存任何内容。";
        remedy: "Send the file again.", "请重新发送文件。";
    }
    2024 NO_AUTHORITY Refusal {
        what: "This box has no certificate authority of its own.", "本机没有自己的证书颁发机构。";
        why: "It uses a certificate that browsers know already.", "它使用浏览器已信任的证书。";
        remedy: "There is nothing to install.", "无需安装。";
    }
    2025 TOO_FAST Refusal {
        what: "There are too many requests from this address or agent.",
            "来自此地址或此客服的请求过多。";
        why: "Everybody has a share, so that one cannot keep out the others.",
            "每个地址和客服都有限额，以免妨碍他人。";
        remedy: "Wait for the time given and try again.", "请按提示的时间等待后重试。";
    }
    2026 METRICS_ONLY_LOCAL Refusal {
        what: "The figures are shown to this machine only, or with a token.",
            "指标仅对本机开放，或需要令牌。";
        why: "They tell how much a site is used.", "它们会透露站点的使用情况。";
        remedy: "Set metrics.token_file in posthouse.yaml and send it as a bearer token.",
            "请在 posthouse.yaml 中设置 metrics.token_file，并以 Bearer 令牌发送。";
    }
    2027 NO_WEB Refusal {
        what: "This binary was built without its web pages.", "此程序编译时未包含网页。";
        why: "The widget and the console are built by a step of their own.",
            "小部件和控制台由单独的步骤构建。";
        remedy: "Run scripts/start or scripts/build.", "请运行 scripts/start 或 scripts/build。";
    }
    2028 NO_ROW Refusal {
        what: "There is no such agent, team or inbox.", "没有此客服、团队或收件箱。";
        why: "Its number was never given out.", "该编号从未分配。";
        remedy: "Reload the page and choose again.", "请刷新页面后重新选择。";
    }
    2029 PICTURE_TYPE Refusal {
        what: "This is not a picture of a kind that is shown here.", "不是可显示的图片格式。";
        why: "The kind is found by the file's first bytes, whatever its name says.",
            "文件类型由文件开头的字节判断，与文件名无关。";
        remedy: "Choose a PNG, JPEG or WebP picture.", "请选择 PNG、JPEG 或 WebP 图片。";
    }
    2030 PICTURE_TOO_LARGE Refusal {
        what: "The picture is too large, or its header is broken.", "图片过大，或文件头损坏。";
        why: "It is shown on every page with the widget: at most 256 KiB and 1024 pixels a side.",
            "所有嵌入组件的网页都会显示它：最大 256 KiB，边长不超过 1024 像素。";
        remedy: "Choose a smaller picture.", "请选择较小的图片。";
    }
    2031 PICTURES_FULL Refusal {
        what: "The site has no room for more pictures.", "站点的头像空间已用完。";
        why: "Former pictures are kept for the conversations that show them, 64 MiB in all.",
            "旧头像会为历史会话保留，总量上限为 64 MiB。";
        remedy: "Choose a picture that was used here before, or go without.",
            "请选用曾经使用过的图片，或不使用头像。";
    }
    2040 NO_AGENT_CERTIFICATE Refusal {
        what: "The connection showed no certificate of an agent.", "连接未出示客服证书。";
        why: "Only a certificate that an authority of this site issued to an agent's sign-in name \
              signs somebody in.",
            "只有本站 CA 签发给某个客服登录名的证书才能用于登录。";
        remedy: "Install one from `posthouse cert issue`, set `tls.client_certificates` and \
                 connect anew; or sign in with a password.",
            "请安装 posthouse cert issue 签发的证书，设置 tls.client_certificates 后重新连接；\
             或使用密码登录。";
    }
}
