//! The adapter, over streams in memory that hold a few bytes at a time.

use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;

use ::tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::pair::{client_config, name, server_config};
use super::pki::NOW_S;
use crate::tlcp::tokio::TlcpStream;
use crate::tlcp::{Alert, ClientConfig, Fault, ServerConfig, State, Suite};

fn run<F: Future>(future: F) -> F::Output {
    ::tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

type Stream = TlcpStream<DuplexStream>;

async fn connected(client: ClientConfig, server: ServerConfig, room: usize) -> (Stream, Stream) {
    let (near, far) = duplex(room);
    let client = TlcpStream::connect(Arc::new(client), name(), None, near, NOW_S);
    let server = TlcpStream::accept(Arc::new(server), far, NOW_S);
    let (client, server) = ::tokio::join!(client, server);
    (client.unwrap(), server.unwrap())
}

#[test]
fn a_stream_carries_much_through_little_and_ends_in_order() {
    run(async {
        for room in [1, 100, 1 << 16] {
            let suite = Suite::EcdheGcm;
            let (client, server) = (client_config(suite, true), server_config(suite, true));
            let (mut client, mut server) = connected(client, server, room).await;
            assert_eq!(server.peer_certificates().len(), 3);
            assert_eq!((client.suite(), client.resumed()), (Some(suite), false));
            let content: Vec<u8> = (0..25_000u32).flat_map(u32::to_be_bytes).collect();
            let length = if room == 1 { 1_000 } else { content.len() };
            let content = &content[..length];
            let sending = async {
                client.write_all(content).await.unwrap();
                client.shutdown().await.unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                answer
            };
            let receiving = async {
                let mut read = Vec::new();
                server.read_to_end(&mut read).await.unwrap();
                server.write_all(b"got it").await.unwrap();
                server.shutdown().await.unwrap();
                read
            };
            let (answer, read) = ::tokio::join!(sending, receiving);
            assert_eq!((answer.as_slice(), read.as_slice()), (&b"got it"[..], content));
            let fault = client.write(b"late").await.unwrap_err();
            assert_eq!(fault.kind(), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn slices_of_one_write_go_out_in_one_record() {
    run(async {
        let suite = Suite::EccGcm;
        let (client, server) = (client_config(suite, false), server_config(suite, false));
        let (mut client, mut server) = connected(client, server, 1 << 16).await;
        let slices = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(b"body")];
        assert_eq!(server.write_vectored(&slices).await.unwrap(), 8);
        let mut read = [0; 20];
        assert_eq!(client.read(&mut read).await.unwrap(), 8);
        assert_eq!(&read[..8], b"headbody");
    });
}

#[test]
fn a_stream_that_breaks_off_is_not_taken_for_one_that_closed() {
    run(async {
        let suite = Suite::EccGcm;
        let (client, server) = (client_config(suite, false), server_config(suite, false));
        let (client, mut server) = connected(client, server, 1 << 16).await;
        drop(client);
        let fault = server.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_client_that_is_refused_gets_the_alert() {
    run(async {
        let (near, far) = duplex(1 << 16);
        let client = client_config(Suite::EccCbc, false);
        let server = server_config(Suite::EccGcm, false);
        let (client, server) = ::tokio::join!(
            TlcpStream::connect(Arc::new(client), name(), None, near, NOW_S),
            TlcpStream::accept(Arc::new(server), far, NOW_S),
        );
        let inner = |fault: std::io::Error| *fault.get_ref().unwrap().downcast_ref().unwrap();
        let refused: Fault = inner(server.unwrap_err());
        assert_eq!(refused.alert(), Some(Alert::HandshakeFailure));
        let told: Fault = inner(client.unwrap_err());
        assert_eq!(told, Fault::Told(Alert::HandshakeFailure.code()));
    });
}

#[test]
fn a_hello_is_read_before_anything_is_computed() {
    run(async {
        let (near, far) = duplex(1 << 16);
        let suite = Suite::EccGcm;
        let client = Arc::new(client_config(suite, false));
        let server = Arc::new(server_config(suite, false));
        let accepting = async {
            let hello = TlcpStream::hello(server, far, NOW_S).await.unwrap();
            hello.accept().await.unwrap()
        };
        let connecting = TlcpStream::connect(client, name(), None, near, NOW_S);
        let (server, client) = ::tokio::join!(accepting, connecting);
        assert_eq!(server.get_ref().1.state(), State::Open);
        assert!(client.unwrap().agreed().unwrap().session.is_some());
    });
}
