//! A certificate from an ACME authority (RFC 8555), proved by TLS-ALPN-01 on the desk's own port,
//! and renewed. Invariant: nothing is asked of anybody unless the configuration names a
//! directory, and a failure never touches the certificate in use.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount,
    NewOrder, OrderStatus, RetryPolicy,
};
use posthouse_crypto::acme::{SigningRequest, challenge};
use posthouse_crypto::certificate::{Flaw, Identity};
use posthouse_crypto::tls::Presented;
use serde::{Deserialize, Serialize};

use super::keep::keep;
use crate::base::chance::Seeded;
use crate::base::{Backoff, Clock, code};

/// How often the certificate's age is looked at.
const LOOK_MS: u64 = 12 * 60 * 60 * 1000;
/// After a failure: authorities allow a handful of failed proofs an hour.
const RETRY_LEAST_MS: u64 = 15 * 60 * 1000;
const RETRY_MOST_MS: u64 = 6 * 60 * 60 * 1000;
/// How long an authority may take to look at a proof, and then to issue.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is asked of which authority, and where the answer is kept.
#[derive(Clone, Debug)]
pub struct Acme {
    /// URL of the directory; always https.
    pub directory: String,
    /// `mailto:` addresses.
    pub contact: Vec<String>,
    pub domains: Vec<String>,
    /// PEM file of the authority that the directory's own certificate comes from, for one inside
    /// the organisation; `None`: the system's list.
    pub root: Option<PathBuf>,
    /// Folder of the account, certificate and key.
    pub folder: PathBuf,
}

/// Why no certificate came.
#[derive(Debug, thiserror::Error)]
pub enum AcmeFault {
    #[error("the authority answered: {0}")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority offers no TLS-ALPN-01 proof for {0}")]
    NoProof(String),
    #[error("the authority did not accept the proof: the order is {0:?}")]
    NotReady(OrderStatus),
    #[error(transparent)]
    Certificate(#[from] Flaw),
    #[error("{path}: {why}")]
    File { path: PathBuf, why: io::Error },
}

/// The account as it is kept; its key works with one directory.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    credentials: AccountCredentials,
}

impl Acme {
    /// The certificate of an earlier run, if it is there and covers the domains.
    #[must_use]
    pub fn kept(&self) -> Option<Identity> {
        let chain = std::fs::read_to_string(self.path("acme-chain.pem")).ok()?;
        let key = std::fs::read_to_string(self.path("acme-key.pem")).ok()?;
        Identity::read(&chain, &key).ok().filter(|identity| identity.covers(&self.domains))
    }

    /// Keeps a valid certificate presented, for ever: a task of the node.
    pub async fn keep_valid(self, presented: Arc<Presented>, clock: Arc<dyn Clock>) {
        let mut backoff = Backoff::new(RETRY_LEAST_MS, RETRY_MOST_MS);
        let mut chance = Seeded::new(clock.wall().ms);
        let mut current = self.kept();
        if let Some(identity) = &current {
            presented.replace(identity);
        }
        loop {
            let now = clock.wall();
            // A clock that is not set says nothing about the age of a certificate.
            let old = |identity: &Identity| now.trusted && identity.renewal_due(now.ms / 1000);
            let mut wait_ms = LOOK_MS;
            if current.as_ref().is_none_or(old) {
                match self.obtain(&presented).await {
                    Ok(identity) => {
                        tracing::info!(names = ?identity.facts().names, "certificate issued");
                        backoff.reset();
                        current = Some(identity);
                    }
                    Err(fault) => {
                        let number = code::ACME_FAILED.0;
                        tracing::warn!(%fault, code = number, "no certificate from the authority");
                        wait_ms = RETRY_LEAST_MS + backoff.next_ms(&mut chance);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// Asks for a certificate once, keeps it, and presents it.
    ///
    /// # Errors
    /// What the authority or the disk said; the certificate in use stays.
    pub async fn obtain(&self, presented: &Presented) -> Result<Identity, AcmeFault> {
        let account = self.account().await?;
        let ordered = self.order(&account, presented).await;
        presented.challenges(Vec::new());
        let identity = ordered?;
        self.write("acme-chain.pem", identity.chain_pem())?;
        self.write("acme-key.pem", identity.key_pem())?;
        presented.replace(&identity);
        Ok(identity)
    }

    async fn order(&self, account: &Account, presented: &Presented) -> Result<Identity, AcmeFault> {
        let names: Vec<_> = self.domains.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        let mut answers = Vec::new();
        let mut proofs = order.authorizations();
        while let Some(proof) = proofs.next().await {
            let mut proof = proof?;
            if proof.status != AuthorizationStatus::Pending {
                continue;
            }
            let name = proof.identifier().to_string();
            let mut asked = proof
                .challenge(ChallengeType::TlsAlpn01)
                .ok_or_else(|| AcmeFault::NoProof(name.clone()))?;
            let mut digest = [0; 32];
            digest.copy_from_slice(asked.key_authorization().digest().as_ref());
            answers.push((name.clone(), challenge(&name, digest)?));
            presented.challenges(answers.clone());
            asked.set_ready().await?;
        }
        let patience = RetryPolicy::new().timeout(PATIENCE);
        let status = order.poll_ready(&patience).await?;
        if status != OrderStatus::Ready {
            return Err(AcmeFault::NotReady(status));
        }
        let request = SigningRequest::new(&self.domains)?;
        order.finalize_csr(&request.der).await?;
        let chain = order.poll_certificate(&patience).await?;
        Ok(Identity::read(&chain, &request.key_pem)?)
    }

    async fn account(&self) -> Result<Account, AcmeFault> {
        let builder = match &self.root {
            Some(root) => Account::builder_with_root(root)?,
            None => Account::builder()?,
        };
        let kept = std::fs::read(self.path("acme-account.json")).ok();
        let kept = kept.and_then(|json| serde_json::from_slice::<Kept>(&json).ok());
        if let Some(kept) = kept.filter(|kept| kept.directory == self.directory) {
            return Ok(builder.from_credentials(kept.credentials).await?);
        }
        let contact: Vec<&str> = self.contact.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&wanted, self.directory.clone(), None).await?;
        let kept = Kept { directory: self.directory.clone(), credentials };
        let json = serde_json::to_string(&kept).map_err(instant_acme::Error::from)?;
        self.write("acme-account.json", &json)?;
        Ok(account)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces a file as a whole, readable by its owner alone.
    fn write(&self, name: &str, text: &str) -> Result<(), AcmeFault> {
        let path = self.path(name);
        keep(&path, text, 0o600).map_err(|why| AcmeFault::File { path, why })
    }
}
