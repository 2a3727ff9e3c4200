//! SM4-GCM and SM4-CCM over TLS 1.3 records (RFC 8446 section 5.2).

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};
use zeroize::Zeroizing;

use crate::modes::{BadTag, Ccm, Gcm, NONCE_BYTES, TAG_BYTES};

const KEY_BYTES: usize = 16;

pub(super) struct Sm4Gcm;
pub(super) struct Sm4Ccm;

/// A mode of SM4 that seals records.
trait Mode: Send + Sync + Sized + 'static {
    fn keyed(key: &[u8; KEY_BYTES]) -> Self;
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], data: &mut [u8]) -> [u8; TAG_BYTES];
    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadTag>;
}

macro_rules! suite {
    ($name:ident over $mode:ident) => {
        impl Mode for $mode {
            fn keyed(key: &[u8; KEY_BYTES]) -> Self {
                Self::new(key)
            }

            fn seal(
                &self,
                nonce: &[u8; NONCE_BYTES],
                aad: &[u8],
                data: &mut [u8],
            ) -> [u8; TAG_BYTES] {
                self.seal_in_place(nonce, aad, data)
            }

            fn open(
                &self,
                nonce: &[u8; NONCE_BYTES],
                aad: &[u8],
                data: &mut [u8],
                tag: &[u8; TAG_BYTES],
            ) -> Result<(), BadTag> {
                self.open_in_place(nonce, aad, data, tag)
            }
        }

        impl Tls13AeadAlgorithm for $name {
            fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
                Box::new(Records::<$mode>::new(&key, iv))
            }

            fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
                Box::new(Records::<$mode>::new(&key, iv))
            }

            fn key_len(&self) -> usize {
                KEY_BYTES
            }

            fn extract_keys(
                &self,
                _: AeadKey,
                _: Iv,
            ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
                Err(UnsupportedOperationError)
            }
        }
    };
}

suite!(Sm4Gcm over Gcm);
suite!(Sm4Ccm over Ccm);

/// One direction of a connection.
struct Records<M> {
    mode: M,
    iv: Iv,
}

impl<M: Mode> Records<M> {
    fn new(key: &AeadKey, iv: Iv) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        // rustls gives as many bytes as `key_len` says.
        bytes.copy_from_slice(key.as_ref());
        Self { mode: M::keyed(&bytes), iv }
    }
}

impl<M: Mode> MessageEncrypter for Records<M> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(length);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[u8::from(message.typ)]);
        let nonce = Nonce::new(&self.iv, sequence).0;
        let tag = self.mode.seal(&nonce, &make_tls13_aad(length), payload.as_mut());
        payload.extend_from_slice(&tag);
        let (kind, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
        Ok(OutboundOpaqueMessage::new(kind, version, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + 1 + TAG_BYTES
    }
}

impl<M: Mode> MessageDecrypter for Records<M> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let length = message.payload.len();
        let (data, tag) =
            message.payload.split_last_chunk_mut::<TAG_BYTES>().ok_or(Error::DecryptError)?;
        let nonce = Nonce::new(&self.iv, sequence).0;
        let opened = self.mode.open(&nonce, &make_tls13_aad(length), data, tag);
        opened.map_err(|BadTag| Error::DecryptError)?;
        message.payload.truncate(length - TAG_BYTES);
        message.into_tls13_unpadded_message()
    }
}
