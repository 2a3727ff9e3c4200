//! The WebSocket of `net::ws` against another implementation's client, over streams that block,
//! break and trickle; and the ceiling on what a waiting connection is made of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use posthouse::net::Stream;
use posthouse::net::ws::{Message, Outgoing, Violation, WebSocket, WsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message as Said, protocol::frame::coding::CloseCode};

const LIMIT: usize = 64 * 1024;
const SOON: Duration = Duration::from_secs(2);

type Client = WebSocketStream<DuplexStream>;

async fn pair(buffer: usize) -> (WebSocket<DuplexStream>, Client) {
    let (ours, theirs) = duplex(buffer);
    let client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    (WebSocket::new(ours, b"", LIMIT), client)
}

/// A client's frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => out.push(0x80 | length as u8),
        Ok(length) => {
            out.push(0x80 | 126);
            out.extend(length.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

#[tokio::test]
async fn messages_of_every_length_class_go_both_ways() {
    let (mut server, mut client) = pair(3000).await;
    let lengths = [0, 1, 125, 126, 127, 65535, 65536];
    let peer = async {
        for length in lengths {
            let body = Bytes::from(vec![7; length]);
            client.send(Said::Binary(body.clone())).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), Said::Binary(body));
        }
        client.send(Said::text("驿站")).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Said::text("驿站"));
    };
    let echo = async {
        loop {
            let back = match server.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => Outgoing::Binary(bytes),
                Message::Text(text) => Outgoing::Text(text),
                Message::Alive | Message::Close(_) => continue,
            };
            server.send(back).await.unwrap();
        }
    };
    tokio::select! { () = peer => {}, () = echo => {} }
}

#[tokio::test]
async fn a_reader_that_pauses_gets_everything_in_order() {
    let (mut server, mut client) = pair(1000).await;
    let mut rest = (0..500u32).map(|n| Outgoing::Binary(Bytes::from(n.to_be_bytes().repeat(50))));
    let blocked = poll_fn(|cx| Poll::Ready(server.poll_send(cx, &mut || rest.next()))).await;
    assert!(blocked.is_pending(), "a full socket blocks");
    assert!(rest.len() > 300, "no more is taken than one write gathers: {}", rest.len());

    let write = poll_fn(|cx| server.poll_send(cx, &mut || rest.next()));
    let read = async {
        for n in 0..500u32 {
            let said = client.next().await.unwrap().unwrap();
            assert_eq!(said, Said::Binary(n.to_be_bytes().repeat(50).into()));
        }
    };
    let (written, ()) = tokio::join!(write, read);
    written.unwrap();
}

#[tokio::test]
async fn a_read_that_is_cancelled_at_any_byte_loses_nothing() {
    let (ours, mut theirs) = duplex(100);
    let mut server = WebSocket::new(ours, b"", LIMIT);
    let body: Vec<u8> = (0..300).map(|n| n as u8).collect();
    let (one, two) = body.split_at(100);
    let wire = [frame(0x02, one), frame(0x89, b"ping"), frame(0x80, two)].concat();
    let mut heard = Vec::new();
    for byte in wire {
        theirs.write_all(&[byte]).await.unwrap();
        let polled = poll_fn(|cx| Poll::Ready(server.poll_next(cx))).await;
        if let Poll::Ready(Some(message)) = polled {
            heard.push(message.unwrap());
        }
    }
    assert_eq!(heard, [Message::Alive, Message::Binary(body.into())]);
}

#[tokio::test]
async fn pings_are_answered_in_order_while_the_owner_only_reads() {
    let (mut server, mut client) = pair(10_000).await;
    for n in 0..10u8 {
        client.send(Said::Ping(vec![n].into())).await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Alive);
    }
    for n in 0..10u8 {
        assert_eq!(client.next().await.unwrap().unwrap(), Said::Pong(vec![n].into()));
    }
}

#[tokio::test]
async fn a_peer_that_only_pings_and_never_reads_is_not_read_either() {
    let (ours, mut theirs) = duplex(2000);
    let mut server = WebSocket::new(ours, b"", LIMIT);
    let pings = frame(0x89, &[0; 125]).repeat(2000);
    let flood = theirs.write_all(&pings);
    let listen = async { while server.next().await.is_some() {} };
    let stuck = tokio::time::timeout(Duration::from_millis(200), async {
        tokio::select! { _ = flood => "the flood was taken", () = listen => "the server ended" }
    });
    assert_eq!(stuck.await.ok(), None, "250 KB of pings must not be swallowed");
}

#[tokio::test]
async fn a_violation_is_told_with_its_code() {
    let vast = frame(0x82, &vec![0; LIMIT + 1]);
    let wrong: [(&[u8], Violation, u16); 3] = [
        (&frame(0xf2, b""), Violation::Protocol, 1002),
        (&frame(0x81, b"\xff"), Violation::BadText, 1007),
        (&vast[..100], Violation::TooLong, 1009),
    ];
    for (wire, violation, code) in wrong {
        let (ours, mut theirs) = duplex(1000);
        let mut server = WebSocket::new(ours, b"", LIMIT);
        theirs.write_all(wire).await.unwrap();
        let heard = server.next().await.unwrap();
        assert!(matches!(heard, Err(WsError::Violation(found)) if found == violation));
        assert!(server.next().await.is_none());
        let said = async {
            let mut told = [0; 4];
            theirs.read_exact(&mut told).await.unwrap();
            assert_eq!(told[..2], [0x88, 2]);
            assert_eq!(u16::from_be_bytes([told[2], told[3]]), code);
            assert_eq!(theirs.read(&mut told).await.unwrap(), 0, "then the socket is closed");
            drop(theirs);
        };
        tokio::join!(server.finish(SOON), said);
    }
}

#[tokio::test]
async fn both_sides_can_close() {
    let (mut server, mut client) = pair(1000).await;
    let close = CloseFrame { code: CloseCode::from(4008), reason: "later".into() };
    client.close(Some(close)).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(Some(4008)));
    tokio::join!(server.finish(SOON), async move {
        while let Some(Ok(said)) = client.next().await {
            assert!(matches!(said, Said::Close(Some(frame)) if frame.code == 4008.into()));
        }
    });

    let (mut server, mut client) = pair(1000).await;
    let reason = "驿".repeat(100);
    server.close(4108, &reason);
    tokio::join!(server.finish(SOON), async move {
        let Some(Ok(Said::Close(Some(told)))) = client.next().await else { panic!("no close") };
        assert_eq!(u16::from(told.code), 4108);
        assert_eq!(told.reason.as_str(), "驿".repeat(41), "cut at a character");
        while client.next().await.is_some_and(|said| said.is_ok()) {}
    });
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_cannot_hold_up_the_end() {
    let (ours, _theirs) = duplex(10);
    let mut server = WebSocket::new(ours, b"", LIMIT);
    server.close(1001, "a reason that does not fit the pipe");
    let begun = tokio::time::Instant::now();
    server.finish(SOON).await;
    assert_eq!(begun.elapsed(), SOON);
}

#[tokio::test]
async fn what_came_with_the_upgrade_is_heard_first() {
    let (ours, mut theirs) = duplex(1000);
    let early = frame(0x82, b"early");
    let mut server = WebSocket::new(ours, &early[..8], LIMIT);
    theirs.write_all(&early[8..]).await.unwrap();
    theirs.write_all(&frame(0x82, b"late")).await.unwrap();
    for expected in ["early", "late"] {
        let heard = server.next().await.unwrap().unwrap();
        assert_eq!(heard, Message::Binary(expected.into()));
    }
    drop(theirs);
    assert!(server.next().await.is_none(), "a socket that breaks off just ends");
}

#[test]
fn a_waiting_connection_is_small() {
    async fn wait(mut ws: WebSocket<Stream>) {
        while let Some(Ok(_)) = ws.next().await {}
    }
    fn future_size<F: Future, A>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }
    // The stream, two empty buffers and the decoder's state; the buffers themselves are not there.
    assert!(size_of::<WebSocket<Stream>>() <= 160, "{}", size_of::<WebSocket<Stream>>());
    assert!(future_size(wait) <= 400, "{}", future_size(wait));
}
