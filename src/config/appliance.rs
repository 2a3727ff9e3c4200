//! Settings of the disk image, which the first process reads before the desk starts: what the
//! machine is called and how it reaches the network.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::value::Network;
use crate::base::Private;

/// The machine itself; used by the disk image alone.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Appliance {
    /// Name of the machine on the network, letters, digits and hyphens. Disk image only.
    #[schemars(extend("x-zh" = "本机在网络上的名称，由字母、数字和连字符组成。仅用于磁盘映像。"))]
    pub name: String,
    /// Fixed IPv4 address with the bits of its network, `192.168.1.20/24`. Left out: the network
    /// assigns one (DHCP). Disk image only.
    #[schemars(extend("x-zh" = "固定 IPv4 地址及网段位数，如 192.168.1.20/24。未设置则由网络分配（DHCP）。仅用于磁盘映像。"))]
    pub address: Option<Network>,
    /// IPv4 address of the router, beside a fixed address. Disk image only.
    #[schemars(extend("x-zh" = "网关的 IPv4 地址，与固定地址一起使用。仅用于磁盘映像。"))]
    pub gateway: Option<Ipv4Addr>,
    /// IPv4 addresses of name servers, beside a fixed address. Disk image only.
    #[schemars(extend("x-zh" = "域名服务器的 IPv4 地址，与固定地址一起使用。仅用于磁盘映像。"))]
    pub dns: Vec<Ipv4Addr>,
    /// One-time code that claims the new site, `XXXX-XXXX-XXXX`, as on the label of a box that was
    /// prepared. Left out: another one at every start. It is of no use once the site is claimed.
    #[schemars(with = "Option<String>", extend("x-zh" = "用于认领新站点的一次性设置码（XXXX-XXXX-XXXX），与预置设备标签一致。\
        未设置则每次启动随机生成。站点认领后即失效。"))]
    pub setup_code: Option<SetupCode>,
}

/// What `XXXX-XXXX-XXXX` stands for; printed as `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupCode(pub Private);

impl SetupCode {
    /// Letters that are not mistaken for others.
    pub const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    const GROUP: usize = 4;
    const GROUPS: usize = 3;

    /// The code of twelve random bytes; 60 bits of them count.
    #[must_use]
    pub fn of(random: [u8; Self::GROUP * Self::GROUPS]) -> Self {
        let letter = |byte: &u8| char::from(Self::LETTERS[usize::from(byte & 31)]);
        let group = |bytes: &[u8]| bytes.iter().map(letter).collect::<String>();
        let groups: Vec<String> = random.chunks(Self::GROUP).map(group).collect();
        Self(Private(groups.join("-")))
    }

    /// The code in `text`; `None` when it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let group = |part: &str| {
            part.len() == Self::GROUP && part.bytes().all(|byte| Self::LETTERS.contains(&byte))
        };
        let whole = text.split('-').count() == Self::GROUPS && text.split('-').all(group);
        whole.then_some(Self(Private(text)))
    }
}

impl Serialize for SetupCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for SetupCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str("***"), &"a setup code"))
    }
}

impl Default for Appliance {
    fn default() -> Self {
        let name = "posthouse".to_owned();
        Self { name, address: None, gateway: None, dns: Vec::new(), setup_code: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_code_is_read_as_people_type_it_and_never_shown() {
        let code = SetupCode::of([0, 31, 32, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
        assert_eq!(SetupCode::read(&format!(" {} ", code.0.to_lowercase())), Some(code.clone()));
        assert!(!format!("{code:?}").contains("A9AB"), "{code:?}");
        assert_eq!(serde_json::to_string(&code).unwrap(), "\"***\"");
        for bad in ["", "ABCD-EFGH", "ABCD-EFGH-JKL1", "ABCD-EFGH-JKLMN", "ABCDEFGHJKLM"] {
            assert_eq!(SetupCode::read(bad), None, "{bad}");
        }
    }
}
