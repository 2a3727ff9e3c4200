//! 815x: boxes that are prepared.

crate::base::code::codes! {
    8151 PROVISION_TABLE Refusal {
        what: "The table of boxes has a mistake.", "设备表格有误。";
        why: "A box would start with settings that nobody wanted.", "否则设备会以错误的设置启动。";
        remedy: "Correct the line that is named; the manual lists the columns.",
            "请更正所指的行；各列含义见手册。";
    }
    8152 PROVISION_IMAGE Refusal {
        what: "The settings cannot be put into this image.", "无法将设置写入此映像。";
        why: "Its posthouse.yaml is not the one the image was made with, or they are too long.",
            "其中的 posthouse.yaml 不是制作映像时的原文件，或设置过长。";
        remedy: "Take a fresh, unpacked image of the same version as this program.",
            "请使用与本程序版本相同、已解压的全新映像。";
    }
    8153 PROVISION_IO Fault {
        what: "The boxes could not be written.", "设备文件写入失败。";
        why: "The system reported an error, or a folder of a box is there already.",
            "系统报告了错误，或设备的文件夹已存在。";
        remedy: "Choose another folder, or remove the one that is named.",
            "请另选文件夹，或删除所指的文件夹。";
    }
}
