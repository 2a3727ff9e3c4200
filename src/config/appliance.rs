//! Settings of the disk image, which the first process reads before the desk starts: what the
//! machine is called and how it reaches the network.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Network;

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
}

impl Default for Appliance {
    fn default() -> Self {
        let name = "posthouse".to_owned();
        Self { name, address: None, gateway: None, dns: Vec::new() }
    }
}
