//! The one table of routes: what the router serves and what `/v1/openapi.json` says.

use axum::routing::{MethodRouter, delete, get, patch, post};

use super::{App, api, assets, authority, metrics, openapi, pages, probes, websocket};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Anybody,
    /// A visitor's bearer token or an agent's cookie.
    Peer,
    /// An agent's cookie; what changes something comes from our own pages.
    Agent,
    /// This machine, or the metrics token.
    Operator,
}

/// What goes in or comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// `FrameList` of posthouse.v1.
    Frames,
    /// Raw bytes of a file.
    File,
    Page,
    Text,
    /// 101 and the subprotocol posthouse.v1.
    WebSocket,
}

pub struct Route {
    pub method: &'static str,
    /// `{name}` stands for one part, `{*name}` for the rest.
    pub path: &'static str,
    pub access: Access,
    /// Parameters of the address; those that must be there end in `!`.
    pub query: &'static [&'static str],
    pub takes: Form,
    pub gives: Form,
    pub summary: &'static str,
    pub handler: fn() -> MethodRouter<App>,
}

macro_rules! routes {
    ($($method:literal $path:literal $access:ident $query:expr => $takes:expr, $gives:expr;
        $summary:literal; $handler:expr;)*) => {
        pub const TABLE: &[Route] = &[$(Route {
            method: $method,
            path: $path,
            access: Access::$access,
            query: &$query,
            takes: $takes,
            gives: $gives,
            summary: $summary,
            handler: || $handler,
        },)*];
    };
}

use Form::{File, Frames, Json, Nothing, Page, Text, WebSocket};

routes! {
    "get" "/" Anybody [] => Nothing, Page; "The console"; get(pages::console);
    "get" "/setup" Anybody [] => Nothing, Page; "The first run, in the console";
        get(pages::console);
    "get" "/settings" Anybody [] => Nothing, Page; "Settings, in the console"; get(pages::console);
    "get" "/settings/{*rest}" Anybody [] => Nothing, Page; "Settings, in the console";
        get(pages::console);
    "get" "/console/{*path}" Anybody [] => Nothing, File; "Files of the console";
        get(assets::console);
    "get" "/demo" Anybody [] => Nothing, Page; "A page with the first inbox's widget";
        get(pages::demo);
    "get" "/widget.js" Anybody [] => Nothing, File; "The widget, for any page";
        get(assets::widget_script);
    "get" "/widget/{*path}" Anybody [] => Nothing, File; "Parts of the widget loaded later";
        get(assets::widget);
    "get" "/page.css" Anybody [] => Nothing, Text; "Style of plain pages"; get(pages::style);
    "get" "/manual" Anybody [] => Nothing, Page; "The manual"; get(pages::manual);
    "get" "/manual/" Anybody [] => Nothing, Page; "The manual"; get(pages::manual);
    "get" "/manual/{*path}" Anybody [] => Nothing, Page; "A page of the manual";
        get(pages::manual);
    "get" "/ca" Anybody ["lang"] => Nothing, Page; "How to trust this box"; get(authority::page);
    "get" "/ca.crt" Anybody [] => Nothing, File; "The box's authority, to install";
        get(authority::file);
    "get" "/ca.pem" Anybody [] => Nothing, File; "The box's authority, as PEM"; get(authority::pem);
    "get" "/ca-sm.crt" Anybody [] => Nothing, File; "The box's SM2 authority, to install";
        get(authority::national_file);
    "get" "/ca-sm.pem" Anybody [] => Nothing, File; "The box's SM2 authority, as PEM";
        get(authority::national_pem);
    "get" "/healthz" Anybody [] => Nothing, Text; "The process answers"; get(probes::healthz);
    "get" "/readyz" Anybody [] => Nothing, Json("Readiness"); "The desk can take something new";
        get(probes::readyz);
    "get" "/metrics" Operator [] => Nothing, Text; "Figures, as OpenMetrics"; get(metrics::show);
    "get" "/v1/openapi.json" Anybody [] => Nothing, Json("Document"); "This document";
        get(openapi::show);
    "get" "/v1/ws" Anybody [] => Nothing, WebSocket; "The protocol posthouse.v1";
        get(websocket::upgrade);
    "post" "/v1/frames" Peer ["inbox"] => Frames, Frames; "The same frames over HTTP";
        post(api::frames::take);
    "get" "/v1/feed" Peer ["kind!", "id", "number", "epoch", "after", "before", "wait_ms", "inbox"]
        => Nothing, Frames; "A feed by cursor, by long poll"; get(api::feed::read);
    "post" "/v1/visitor" Anybody ["inbox"] => Json("VisitorAsk"), Json("Visitor");
        "What a widget starts with; a token for a new visitor"; post(api::visitor::welcome);
    "post" "/v1/blobs" Peer ["conversation!", "name", "inbox"] => File, Json("Attachment");
        "Upload an attachment"; post(api::blobs::upload);
    "get" "/v1/blobs/{id}" Peer ["conversation!", "inbox"] => Nothing, File;
        "Download an attachment"; get(api::blobs::download);
    "get" "/v1/setup" Anybody [] => Nothing, Json("SetupState"); "Whether the box has an owner";
        get(api::setup::show);
    "post" "/v1/setup" Anybody [] => Json("Setup"), Json("Claimed");
        "Claim the box with its one-time code"; post(api::setup::claim);
    "get" "/v1/sign-in" Anybody [] => Nothing, Json("SignInWays");
        "Whom the connection's certificate would sign in"; get(api::sign_in::ways);
    "post" "/v1/sign-in" Anybody [] => Json("SignIn"), Json("Me"); "Sign in";
        post(api::sign_in::enter);
    "post" "/v1/sign-in/certificate" Anybody [] => Nothing, Json("Me");
        "Sign in with the connection's certificate"; post(api::sign_in::by_certificate);
    "post" "/v1/sign-out" Anybody [] => Nothing, Nothing; "Sign out"; post(api::sign_in::leave);
    "get" "/v1/me" Agent [] => Nothing, Json("Me"); "Who is signed in"; get(api::me::show);
    "get" "/v1/agents" Agent [] => Nothing, Json("Agents"); "All agents"; get(api::agents::list);
    "post" "/v1/agents" Agent [] => Json("NewAgent"), Json("Agent"); "Add an agent";
        post(api::agents::add);
    "patch" "/v1/agents/{id}" Agent [] => Json("AgentChange"), Json("Agent"); "Change an agent";
        patch(api::agents::change);
    "post" "/v1/agents/{id}/picture" Agent [] => File, Json("Agent"); "Give an agent a picture";
        post(api::pictures::upload);
    "delete" "/v1/agents/{id}/picture" Agent [] => Nothing, Json("Agent");
        "Take an agent's picture away"; delete(api::pictures::remove);
    "get" "/v1/avatars/{id}" Anybody [] => Nothing, File; "A picture of an agent";
        get(api::pictures::show);
    "get" "/v1/teams" Agent [] => Nothing, Json("Teams"); "All teams"; get(api::teams::list);
    "post" "/v1/teams" Agent [] => Json("NewTeam"), Json("Team"); "Add a team";
        post(api::teams::add);
    "patch" "/v1/teams/{id}" Agent [] => Json("TeamChange"), Json("Team"); "Change a team";
        patch(api::teams::change);
    "get" "/v1/inboxes" Agent [] => Nothing, Json("Inboxes"); "All inboxes";
        get(api::inboxes::list);
    "post" "/v1/inboxes" Agent [] => Json("NewInbox"), Json("Inbox"); "Add an inbox";
        post(api::inboxes::add);
    "patch" "/v1/inboxes/{id}" Agent [] => Json("InboxChange"), Json("Inbox"); "Change an inbox";
        patch(api::inboxes::change);
    "get" "/v1/site" Agent [] => Nothing, Json("Site"); "The site"; get(api::site::show);
    "patch" "/v1/site" Agent [] => Json("SiteChange"), Json("Site"); "Change the site";
        patch(api::site::change);
    "get" "/v1/audit" Agent ["who", "what", "refused", "since_ms", "until_ms", "before", "limit"]
        => Nothing, Json("AuditLines"); "Lines of the audit log, newest first";
        get(api::audit::list);
    "post" "/v1/audit/verify" Agent [] => Nothing, Json("AuditVerdict");
        "Verify the audit log"; post(api::audit::verify);
    "get" "/v1/audit/export" Agent ["days"] => Nothing, File;
        "The audit log as a file that verifies by itself"; get(api::audit::export);
    "get" "/v1/conversations" Agent ["view!", "before_ms", "limit"]
        => Nothing, Json("Conversations"); "A list of conversations"; get(api::conversations::list);
    "get" "/v1/conversations/{id}" Agent [] => Nothing, Json("Conversation"); "One conversation";
        get(api::conversations::show);
    "delete" "/v1/conversations/{id}" Agent [] => Nothing, Json("Erasure");
        "Erase a conversation for ever"; delete(api::conversations::erase);
}
