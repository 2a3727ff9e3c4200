//! Alerts (GB/T 38636-2020, 6.4.3) and the one error of this room: whose fault it was, and which
//! alert tells the peer so.

use std::fmt;

use super::codec::Malformed;
use crate::token::NoRandomness;

/// What an alert record says. Codes that we never send are [`Fault::Told`] by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alert {
    CloseNotify = 0,
    UnexpectedMessage = 10,
    BadRecordMac = 20,
    RecordOverflow = 22,
    HandshakeFailure = 40,
    BadCertificate = 42,
    UnsupportedCertificate = 43,
    CertificateExpired = 45,
    CertificateUnknown = 46,
    IllegalParameter = 47,
    UnknownCa = 48,
    DecodeError = 50,
    DecryptError = 51,
    ProtocolVersion = 70,
    InternalError = 80,
    NoRenegotiation = 100,
    UnrecognizedName = 112,
    NoApplicationProtocol = 120,
}

impl Alert {
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloseNotify => "close_notify",
            Self::UnexpectedMessage => "unexpected_message",
            Self::BadRecordMac => "bad_record_mac",
            Self::RecordOverflow => "record_overflow",
            Self::HandshakeFailure => "handshake_failure",
            Self::BadCertificate => "bad_certificate",
            Self::UnsupportedCertificate => "unsupported_certificate",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateUnknown => "certificate_unknown",
            Self::IllegalParameter => "illegal_parameter",
            Self::UnknownCa => "unknown_ca",
            Self::DecodeError => "decode_error",
            Self::DecryptError => "decrypt_error",
            Self::ProtocolVersion => "protocol_version",
            Self::InternalError => "internal_error",
            Self::NoRenegotiation => "no_renegotiation",
            Self::UnrecognizedName => "unrecognized_name",
            Self::NoApplicationProtocol => "no_application_protocol",
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Severity, the first byte of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Level {
    Warning = 1,
    Fatal = 2,
}

/// Why a connection ended. It stays ended: every later call answers the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The peer broke the protocol or proved nothing; the alert is on its way to it.
    #[error("{why}: answered with {alert}")]
    Refused { alert: Alert, why: &'static str },
    /// The peer gave up, for the reason with this code.
    #[error("the peer gave up with alert {0}")]
    Told(u8),
    /// Our own: the system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

impl Fault {
    pub(super) fn new(alert: Alert, why: &'static str) -> Self {
        Self::Refused { alert, why }
    }

    pub(super) fn unexpected(why: &'static str) -> Self {
        Self::new(Alert::UnexpectedMessage, why)
    }

    pub(super) fn illegal(why: &'static str) -> Self {
        Self::new(Alert::IllegalParameter, why)
    }

    /// What the peer is told; nothing when the peer was the one who told.
    #[must_use]
    pub fn alert(self) -> Option<Alert> {
        match self {
            Self::Refused { alert, .. } => Some(alert),
            Self::Told(_) => None,
            Self::NoRandomness => Some(Alert::InternalError),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::new(Alert::DecodeError, "a message that cannot be read")
    }
}

impl From<NoRandomness> for Fault {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}
