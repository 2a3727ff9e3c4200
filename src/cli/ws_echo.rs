//! `posthouse ws-echo`: the peer of the conformance and memory tests. Only built with `test-peer`.

use std::io::Write;
use std::net::SocketAddr;

use clap::Args;

use super::{Ending, Failure};
use crate::net::echo::{self, Echo};

#[derive(Args, Debug)]
pub struct WsEcho {
    /// Address and port; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// Speak TLS, with a certificate made for the purpose.
    #[arg(long)]
    tls: bool,
    /// Longest message.
    #[arg(long, value_name = "BYTES", default_value_t = echo::MESSAGE_BYTES)]
    message_bytes: usize,
}

impl WsEcho {
    pub fn run(self, out: &mut dyn Write) -> Result<Ending, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let echo = Echo { message_bytes: self.message_bytes };
            let (_server, address) = echo::open(self.listen, echo, self.tls)
                .map_err(|fault| Failure::coded(fault.code(), fault.to_string()))?;
            writeln!(out, "{address}")?;
            out.flush()?;
            // It runs until it is killed.
            std::future::pending::<()>().await;
            Ok(Ending::Done)
        })
    }
}
