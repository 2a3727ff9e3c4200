//! Talks with the kernel about interfaces, addresses and routes (rtnetlink(7)), and hears of new
//! devices (netlink(7), NETLINK_KOBJECT_UEVENT). Every request waits for the kernel's answer.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto,
};
use rustix::net::{socket_with, sockopt};

/// A socket for requests.
pub struct Route(OwnedFd);

/// A socket that hears of devices.
pub struct Devices(OwnedFd);

// linux/netlink.h, linux/rtnetlink.h
const ERROR: u16 = 2;
const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const OLD_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const REQUEST_ACK: u16 = 1 | 4;
const REPLACE_CREATE: u16 = 0x100 | 0x400;
const IPV4: u8 = 2;
const UP: u32 = 1;
const MAIN_TABLE: u8 = 254;
const PROTOCOL_STATIC: u8 = 4;
const UNICAST: u8 = 1;
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const BROADCAST: u16 = 4;
const OUT_INTERFACE: u16 = 4;
const GATEWAY: u16 = 5;
/// Longest answer or event: a page is what the kernel sends at most.
const ANSWER_BYTES: usize = 8192;
/// Events that wait while modules are loaded; a board with many devices sends hundreds at once.
const EVENT_BUFFER_BYTES: usize = 1 << 20;

impl Route {
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        Ok(Self(socket))
    }

    /// Brings interface `index` up.
    ///
    /// # Errors
    /// The kernel's.
    pub fn up(&self, index: u32) -> io::Result<()> {
        let mut body = vec![0; 16];
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8..12].copy_from_slice(&UP.to_ne_bytes());
        body[12..16].copy_from_slice(&UP.to_ne_bytes());
        self.ask(NEW_LINK, 0, body)
    }

    /// Gives interface `index` an address.
    ///
    /// # Errors
    /// The kernel's.
    pub fn add(&self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.ask(NEW_ADDRESS, REPLACE_CREATE, address_body(index, address, prefix))
    }

    /// Takes an address away; its routes go with it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.ask(OLD_ADDRESS, 0, address_body(index, address, prefix))
    }

    /// Sends what is for other networks to `router`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn default_route(&self, index: u32, router: Ipv4Addr) -> io::Result<()> {
        let mut body = vec![IPV4, 0, 0, 0, MAIN_TABLE, PROTOCOL_STATIC, 0, UNICAST, 0, 0, 0, 0];
        attribute(&mut body, GATEWAY, &router.octets());
        attribute(&mut body, OUT_INTERFACE, &index.to_ne_bytes());
        self.ask(NEW_ROUTE, REPLACE_CREATE, body)
    }

    fn ask(&self, kind: u16, flags: u16, body: Vec<u8>) -> io::Result<()> {
        let length = u32::try_from(16 + body.len()).map_err(io::Error::other)?;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST_ACK | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        sendto(&self.0, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut answer = [0; ANSWER_BYTES];
        let (_, length) = recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        outcome(&answer[..length.min(ANSWER_BYTES)])
    }
}

fn address_body(index: u32, address: Ipv4Addr, prefix: u8) -> Vec<u8> {
    let mut body = vec![IPV4, prefix, 0, 0];
    body.extend(index.to_ne_bytes());
    attribute(&mut body, LOCAL, &address.octets());
    attribute(&mut body, ADDRESS, &address.octets());
    let host = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    let all = Ipv4Addr::from(u32::from(address) | host);
    attribute(&mut body, BROADCAST, &all.octets());
    body
}

/// A value of four bytes.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8; 4]) {
    body.extend(8u16.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
}

/// The kernel answers every request with an error message whose number is 0 when it was done.
fn outcome(answer: &[u8]) -> io::Result<()> {
    let kind = answer.get(4..6).map(|two| u16::from_ne_bytes([two[0], two[1]]));
    let number = answer.get(16..20).and_then(|four| four.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, number) {
        (Some(ERROR), Some(0)) => Ok(()),
        (Some(ERROR), Some(number)) => Err(io::Error::from_raw_os_error(-number)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A device that came.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What its driver is found by.
    pub modalias: Option<String>,
    /// The name of a network interface.
    pub interface: Option<String>,
}

impl Devices {
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<Self> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::DGRAM);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(KOBJECT_UEVENT))?;
        sockopt::set_socket_recv_buffer_size(&socket, EVENT_BUFFER_BYTES)?;
        bind(&socket, &SocketAddrNetlink::new(0, 1))?;
        Ok(Self(socket))
    }

    /// Waits for the next device; `None` after an event of another kind, or when some were lost.
    ///
    /// # Errors
    /// The kernel's.
    pub fn next(&self) -> io::Result<Option<Arrival>> {
        let mut event = [0; ANSWER_BYTES];
        match recv(&self.0, &mut event[..], RecvFlags::empty()) {
            Ok((_, length)) => Ok(arrival(&event[..length.min(ANSWER_BYTES)])),
            Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn arrival(event: &[u8]) -> Option<Arrival> {
    let text = String::from_utf8_lossy(event);
    let value = |key: &str| {
        text.split('\0')
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
    };
    if value("ACTION")? != "add" {
        return None;
    }
    let network = value("SUBSYSTEM").is_some_and(|name| name == "net");
    let interface = value("INTERFACE").filter(|_| network);
    Some(Arrival { modalias: value("MODALIAS"), interface })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_new_devices_are_read_and_others_passed_over() {
        let event = b"add@/devices/x\0ACTION=add\0SUBSYSTEM=pci\0MODALIAS=pci:v1AF4\0SEQNUM=7\0";
        let device = Arrival { modalias: Some("pci:v1AF4".to_owned()), interface: None };
        assert_eq!(arrival(event), Some(device));
        let event = b"add@/x/net/eth0\0ACTION=add\0SUBSYSTEM=net\0INTERFACE=eth0\0";
        let card = Arrival { modalias: None, interface: Some("eth0".to_owned()) };
        assert_eq!(arrival(event), Some(card));
        assert_eq!(arrival(b"remove@/x\0ACTION=remove\0MODALIAS=a\0"), None);
        assert_eq!(arrival(b"libudev\0\xfe\xed\xca\xfe"), None);
    }

    #[test]
    fn answers_of_the_kernel_are_read() {
        let answer = |kind: u16, number: i32| {
            let mut bytes = vec![0; 20];
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes[16..20].copy_from_slice(&number.to_ne_bytes());
            outcome(&bytes)
        };
        assert!(answer(ERROR, 0).is_ok());
        assert_eq!(answer(ERROR, -17).unwrap_err().raw_os_error(), Some(17));
        assert!(answer(3, 0).is_err() && outcome(&[0; 8]).is_err());
        let body = address_body(3, Ipv4Addr::new(10, 1, 2, 3), 20);
        assert_eq!(body.len(), 8 + 3 * 8);
        assert!(body.ends_with(&[10, 1, 15, 255]));
    }
}
