//! 81xx: what is wrong with a bundle.

crate::base::code::codes! {
    8101 BUNDLE_UNREADABLE Refusal {
        what: "This is no bundle, or it was cut.", "这不是更新包，或文件不完整。";
        why: "Its head, manifest or signatures cannot be read.", "文件头、清单或签名无法读取。";
        remedy: "Copy it again from where it came, and compare its size.",
            "请从来源重新复制，并核对文件大小。";
    }
    8102 BUNDLE_SIGNATURE Refusal {
        what: "A signature of the bundle is missing or wrong.", "更新包缺少签名或签名错误。";
        why: "It must be signed with Ed25519 and with SM2, by keys that this machine trusts.",
            "更新包须同时具有 Ed25519 和 SM2 签名，且签名密钥受本机信任。";
        remedy: "Take it from the one who made this machine's image.", "请向本机映像的制作方获取。";
    }
    8103 BUNDLE_CHANGED Refusal {
        what: "The content of the bundle is not what its manifest says.",
            "更新包内容与清单不符。";
        why: "It was changed or damaged after it was signed.", "内容在签名后被改动或损坏。";
        remedy: "Copy it again from where it came; try another stick.",
            "请从来源重新复制，或换一个 U 盘。";
    }
    8104 BUNDLE_OLDER Refusal {
        what: "The bundle is older than what runs, or the same.", "更新包不比当前版本新。";
        why: "An older version may have faults that are known by now.",
            "旧版本可能存在已公开的缺陷。";
        remedy: "Choose the former version in the menu at the start, or flash an image.",
            "请在启动菜单中选择之前的版本，或重新写入映像。";
    }
    8105 BUNDLE_FOREIGN Refusal {
        what: "The bundle is for another kind of machine.", "更新包用于其他类型的设备。";
        why: "Its kernel would not start here.", "其内核无法在本机启动。";
        remedy: "Take the one whose target is the name of this image.",
            "请使用与本机映像名称一致的更新包。";
    }
    8106 BUNDLE_NO_KEYS Refusal {
        what: "There are no keys that a bundle could be checked with.", "没有可用于检查更新包的密钥。";
        why: "One or two keys of Ed25519 and of SM2 are pinned when an image is made.",
            "制作映像时须固定一到两个 Ed25519 密钥和 SM2 密钥。";
        remedy: "Make the image with `scripts/image --keys FILE`.",
            "请用 scripts/image --keys 文件 制作映像。";
    }
    8107 BUNDLE_IO Fault {
        what: "The bundle could not be read or written.", "更新包读写失败。";
        why: "The system reported an error; nothing was changed.", "系统报告了错误，未作任何更改。";
        remedy: "Read the words before this code: the partition may be full.",
            "请查看错误码前的内容：分区可能已满。";
    }
}
