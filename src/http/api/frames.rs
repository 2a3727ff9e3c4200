//! `POST /v1/frames`: the WebSocket's frames for networks that block WebSockets. Frames are taken
//! in order; each submit is answered with its Ack or Refused, the others have no answer.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;

use crate::actors::Surroundings;
use crate::base::limits::{FRAME_BYTES, PING_INTERVAL_MS};
use crate::base::{Feed, Index, code};
use crate::desk::Refusal;
use crate::http::answer::{Answer, Refused};
use crate::http::caller::Caller;
use crate::http::{App, body, identity};
use crate::session::{ClientFrame, Peer, ServerFrame};
use crate::wire;

const MEDIA_TYPE: &str = "application/x-protobuf";

pub async fn take(State(app): State<App>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&app.settings(), &parts);
    let peer = identity::peer(&app, &caller, &parts).await?;
    // Without a word on its type the body is taken for frames: they say themselves what they are.
    let typed = parts.headers.contains_key(header::CONTENT_TYPE);
    if typed && !body::has_media_type(&parts.headers, MEDIA_TYPE) {
        return Err(code::MEDIA_TYPE.into());
    }
    let bytes = body::whole(&parts.headers, body, FRAME_BYTES).await?;
    let frames = wire::decode_client_list(&bytes).map_err(Refused::new)?;
    let mut answers = Vec::with_capacity(frames.len());
    for frame in frames {
        if let Some(answer) = one(&app, &caller, peer, frame).await {
            answers.push(encode(&app, &caller, &answer));
        }
    }
    Ok(list(&answers))
}

async fn one(
    app: &App,
    caller: &Caller,
    peer: Peer,
    frame: ClientFrame<wire::Submission>,
) -> Option<ServerFrame> {
    let desk = app.desk();
    match frame {
        ClientFrame::Submit { conversation, key, submit } => {
            let from = Surroundings {
                address: caller.address,
                device: caller.device.clone(),
                language: caller.language,
            };
            Some(match desk.submit(peer, &from, conversation, key, submit).await {
                Ok((index, at)) => ServerFrame::Ack { conversation, key, index, at },
                Err(refusal) => {
                    app.counters().refused(refusal.code);
                    let (conversation, key) = (Some(conversation), Some(key));
                    ServerFrame::Refused { conversation, key, refusal }
                }
            })
        }
        ClientFrame::Mark { conversation, delivered, read } => {
            desk.mark(peer, conversation, delivered, read);
            None
        }
        ClientFrame::Typing { conversation, preview, active } => {
            desk.typing(peer, conversation, preview, active);
            None
        }
        ClientFrame::Status(status) => {
            if let Peer::Agent(agent) = peer {
                desk.status(agent, status);
            }
            None
        }
        ClientFrame::Hello(_) => Some(ServerFrame::Welcome { peer }),
        ClientFrame::Follow(_) | ClientFrame::Unfollow(_) | ClientFrame::Ping(_) => {
            let refusal = Refusal::new(code::BAD_FRAME);
            Some(ServerFrame::Refused { conversation: None, key: None, refusal })
        }
    }
}

/// A frame that the session would send, with what only the shell knows.
pub fn encode(app: &App, caller: &Caller, frame: &ServerFrame) -> Bytes {
    let desk = app.desk();
    let site = desk.site();
    let around = wire::Surroundings {
        epoch: desk.epoch(),
        now: desk.clock().wall(),
        ping_interval_ms: PING_INTERVAL_MS,
        endpoints: &app.desk().endpoints(),
        staffed: site.teams.keys().any(|team| desk.staffed(*team)),
        language: caller.language,
    };
    wire::encode_server(frame, &around)
}

/// The word that a reader has everything of a feed up to an index.
pub fn caught_up(app: &App, caller: &Caller, feed: Feed, index: Index) -> Bytes {
    encode(app, caller, &ServerFrame::CaughtUp { feed, index })
}

/// Encoded frames as the body of an answer.
pub fn list(frames: &[Bytes]) -> axum::response::Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], wire::frame_list(frames)).into_response()
}
