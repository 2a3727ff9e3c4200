//! Who may come in: passwords, sign-ins, the claim of a new site, and changes of its settings.

use std::net::IpAddr;
use std::sync::Arc;

use posthouse_crypto::{password, sm3, token};
use smallvec::{SmallVec, smallvec};

use super::deed::{Deed, Doer, SIGN_IN, deed, record};
use super::desk::Desk;
use super::sweep::end;
use super::task::to_the_end;
use crate::base::code;
use crate::base::limits::{PASSWORD_LEAST, PASSWORD_MOST, SIGN_IN_MS, SIGN_INS_AT_ONCE};
use crate::base::{AgentId, MessageKey, Private, Wall};
use crate::desk::{Actor, Body, Draft, Entry, NewAgent, Refusal, Role, SiteCommand, Who};
use crate::store::{Fact, Item, NewEntry, Reader, Secret, SignIn};
use crate::wire;

/// A new sign-in: the cookie's secret, which is not kept, and when it ends.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub token: [u8; 32],
    pub expires: Wall,
}

/// A password that was proven: whose it is, and how it was kept then.
#[derive(Clone, Debug)]
pub struct Proven {
    pub agent: AgentId,
    kept: Private,
}

/// What the owner of a new box chooses.
#[derive(Clone, Debug)]
pub struct Claim {
    pub login: String,
    pub name: Private,
    pub password: Private,
    pub site: String,
    pub language: String,
    pub team: String,
    pub inbox: String,
}

/// A change of the site that was decided.
struct Change {
    made: u32,
    items: SmallVec<[Item; 2]>,
    risen: Vec<AgentId>,
}

/// What a claim made.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub agent: AgentId,
    pub inbox_key: String,
}

impl Desk {
    /// Whether somebody claimed the site.
    #[must_use]
    pub fn claimed(&self) -> bool {
        self.site().row.claimed
    }

    /// Whose password this is. An unknown or disabled login costs the same time as a known one.
    ///
    /// # Errors
    /// Busy when as many checks are under way as memory allows.
    pub async fn check_password(
        &self,
        login: &str,
        password: &Private,
    ) -> Result<Option<Proven>, Refusal> {
        loop {
            let Some(proven) = self.prove(login, password).await? else { return Ok(None) };
            if !password::stale(self.scheme(), &proven.kept) {
                return Ok(Some(proven));
            }
            match self.keep_anew(&proven, password).await {
                Ok(anew) => return Ok(Some(anew)),
                // Another password, or the same one kept anew by another sign-in.
                Err(refusal) if refusal.code == code::BAD_PASSWORD => {}
                // Who knows the password may come in, whether or not it can be kept anew now.
                Err(refusal) => {
                    tracing::debug!(?refusal, "a password stays as it was kept");
                    return Ok(Some(proven));
                }
            }
        }
    }

    async fn prove(&self, login: &str, password: &Private) -> Result<Option<Proven>, Refusal> {
        let (site, scheme, given) = (self.site(), self.scheme(), password.clone());
        let agent = site.agent_by_login(login).map(|row| row.id);
        // All of them for every name: what is kept of one agent must not tell the others apart.
        let look = move |reader: &Reader| {
            let (mut own, mut mixed) = (None, false);
            for row in site.agents.values().filter(|row| !row.disabled) {
                let Some(kept) = reader.secret(row.id)? else { continue };
                mixed |= password::kept_by(&kept).is_some_and(|by| by != scheme);
                if agent == Some(row.id) {
                    own = Some(kept);
                }
            }
            Ok((own, mixed))
        };
        let (kept, mixed) = self.0.reads.run(look).await?;
        self.0.counters.password_hashes.add(if mixed { 2 } else { 1 });
        let known = kept.clone();
        let check = move || Ok(password::verify(scheme, mixed, known.as_deref(), &given));
        let good = self.hashing(check).await?;
        let proven = agent.zip(kept).filter(|_| good);
        Ok(proven.map(|(agent, kept)| Proven { agent, kept }))
    }

    /// Keeps a password that was just proven in today's way; sign-ins stay.
    ///
    /// # Errors
    /// `BAD_PASSWORD` when another one is kept meanwhile, or the store's refusal.
    async fn keep_anew(&self, proven: &Proven, password: &Private) -> Result<Proven, Refusal> {
        let secret = self.secret(proven.agent, password).await?;
        self.keep(secret, Some(proven.clone()), None).await
    }

    /// Keeps a hash instead of the one that was proven, or of whichever there is. What is an act
    /// of somebody ends the agent's sign-ins. A task of its own: a caller that goes away must not
    /// give the turn back before the append is decided.
    async fn keep(
        &self,
        secret: Secret,
        proven: Option<Proven>,
        deed: Option<Deed>,
    ) -> Result<Proven, Refusal> {
        let desk = self.clone();
        to_the_end(async move { desk.keep_in_turn(secret, proven, deed).await }).await
    }

    async fn keep_in_turn(
        &self,
        secret: Secret,
        proven: Option<Proven>,
        deed: Option<Deed>,
    ) -> Result<Proven, Refusal> {
        let Ok(_turn) = self.0.settings.acquire().await else {
            return Err(Refusal::new(code::GOING_AWAY));
        };
        let agent = secret.agent;
        if let Some(proven) = proven
            && let Err(refusal) = self.still(&proven).await
        {
            return match deed {
                Some(deed) => self.refused(deed, refusal).await,
                None => Err(refusal),
            };
        }
        let anew = Proven { agent, kept: secret.password.clone() };
        let mut items: SmallVec<[Item; 2]> = smallvec![Item::Fact(Fact::Secret(secret))];
        let Some(deed) = deed else {
            return self.append(items).await.map(|()| anew);
        };
        // Both in one record: no crash leaves the new password and the sign-ins of the old one.
        let sign_ins = self.0.reads.run(move |reader| reader.sign_ins_of(agent)).await?;
        items.extend(sign_ins.iter().take(SIGN_INS_AT_ONCE).map(end));
        self.act(deed, items).await?;
        // What did not fit, and what was opened until now; later ones see that the old password
        // is not kept any more.
        let left = self.0.reads.run(move |reader| reader.sign_ins_of(agent)).await?;
        self.end_sign_ins(left).await?;
        Ok(anew)
    }

    /// Whether what was proven is what is kept.
    async fn still(&self, proven: &Proven) -> Result<(), Refusal> {
        let agent = proven.agent;
        let kept = self.0.reads.run(move |reader| reader.secret(agent)).await?;
        let same = kept.as_ref() == Some(&proven.kept);
        if same { Ok(()) } else { Err(Refusal::new(code::BAD_PASSWORD)) }
    }

    /// How passwords are kept.
    fn scheme(&self) -> password::Scheme {
        if self.0.national { password::Scheme::Pbkdf2Sm3 } else { password::Scheme::Argon2id }
    }

    /// What is kept of a sign-in's token: today's hash first, then the one that another profile
    /// kept.
    fn token_hashes(&self, token: &[u8; 32]) -> [[u8; 32]; 2] {
        let (national, international) = (sm3::sm3(&[token]), token::sha256(token));
        if self.0.national { [national, international] } else { [international, national] }
    }

    async fn sign_in_of(&self, token: &[u8; 32]) -> Result<Option<SignIn>, Refusal> {
        let [today, other] = self.token_hashes(token);
        let look = move |reader: &Reader| match reader.sign_in(&today)? {
            Some(row) => Ok(Some(row)),
            None => reader.sign_in(&other),
        };
        self.0.reads.run(look).await
    }

    /// Opens a sign-in for who proved a password. It does not outlive that password: either the
    /// change of it sees this sign-in and ends it, or this sees the change.
    ///
    /// # Errors
    /// `BAD_PASSWORD` when the password was changed meanwhile, or the store's refusal.
    pub async fn sign_in_proven(&self, proven: &Proven, from: IpAddr) -> Result<SignedIn, Refusal> {
        let (desk, proven) = (self.clone(), proven.clone());
        let agent = proven.agent;
        let opening =
            async move { desk.open_sign_in(agent, Some(proven), ("password", from)).await };
        to_the_end(opening).await
    }

    /// Opens a sign-in for whose certificate the connection showed.
    ///
    /// # Errors
    /// The store does not take anything new.
    pub async fn sign_in_certified(
        &self,
        agent: AgentId,
        from: IpAddr,
    ) -> Result<SignedIn, Refusal> {
        let desk = self.clone();
        to_the_end(async move { desk.open_sign_in(agent, None, ("certificate", from)).await }).await
    }

    /// Opens a sign-in for who has just claimed the site.
    ///
    /// # Errors
    /// The store does not take anything new.
    pub async fn sign_in_claimed(&self, agent: AgentId, from: IpAddr) -> Result<SignedIn, Refusal> {
        let desk = self.clone();
        to_the_end(async move { desk.open_sign_in(agent, None, ("claim", from)).await }).await
    }

    /// It is durable, and written down, when this returns.
    async fn open_sign_in(
        &self,
        agent: AgentId,
        proven: Option<Proven>,
        (by, from): (&str, IpAddr),
    ) -> Result<SignedIn, Refusal> {
        let token = token::Token::random().map_err(|_| Refusal::busy(1_000))?;
        let now = self.clock().wall();
        let expires = Wall { ms: now.ms.saturating_add(SIGN_IN_MS), trusted: now.trusted };
        let row = SignIn {
            token_hash: self.token_hashes(token.as_bytes())[0],
            agent,
            expires_ms: expires.ms,
            ended: false,
        };
        let deed = Deed::new(Doer::Agent(agent), SIGN_IN, by).from(from);
        let opened = smallvec![Item::Fact(Fact::SignIn(row.clone()))];
        let owed = match self.owe(&deed, record, opened).await {
            Ok(owed) => owed,
            Err(refusal) => return self.refused(deed, refusal).await,
        };
        let still = match proven {
            Some(proven) => self.still(&proven).await,
            None => Ok(()),
        };
        if still.is_err() {
            self.append(smallvec![end(&row)]).await?;
        }
        self.pay(owed, deed.ended(&still)).await?;
        still?;
        self.0.counters.sign_ins.one();
        Ok(SignedIn { token: *token.as_bytes(), expires })
    }

    /// The agent of a sign-in that is alive.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn signed_in(&self, token: &[u8; 32]) -> Result<Option<AgentId>, Refusal> {
        let found = self.sign_in_of(token).await?;
        let now = self.clock().wall();
        // A clock that is not set must not sign anybody out.
        let alive = |row: &SignIn| !row.ended && (!now.trusted || now.ms < row.expires_ms);
        let agent = found.filter(alive).map(|row| row.agent);
        Ok(agent.filter(|agent| self.site().agent(*agent).is_some()))
    }

    /// Ends a sign-in; ending it twice is ending it once.
    ///
    /// # Errors
    /// The store does not take anything new.
    pub async fn sign_out(&self, token: &[u8; 32], from: IpAddr) -> Result<(), Refusal> {
        let Some(row) = self.sign_in_of(token).await? else {
            return Ok(());
        };
        let deed = Deed::new(Doer::Agent(row.agent), "sign-out", "").from(from);
        let desk = self.clone();
        to_the_end(async move { desk.act(deed, smallvec![end(&row)]).await }).await
    }

    /// Sets an agent's password, by the agent or by who may reset it, and ends the agent's
    /// sign-ins. Who proved the former one sets the next one only while the former is kept.
    ///
    /// # Errors
    /// `DENIED`, `NO_AGENT`, `BAD_PASSWORD` when it was changed meanwhile, a password that is too
    /// short or long, or the store's refusal.
    pub async fn set_password(
        &self,
        by: AgentId,
        of: AgentId,
        password: &Private,
        proven: Option<Proven>,
    ) -> Result<Proven, Refusal> {
        let site = self.site();
        if by != of {
            site.may_reset(by, of)?;
        }
        if !site.agents.contains_key(&of) {
            return Err(Refusal::new(code::NO_AGENT));
        }
        self.audited()?;
        let deed = Deed::new(Doer::Agent(by), "agent.password", format!("agent {of}"));
        match self.secret(of, password).await {
            Ok(secret) => self.keep(secret, proven, Some(deed)).await,
            Err(refusal) => self.refused(deed, refusal).await,
        }
    }

    /// The same by the operator of the machine, through the control socket.
    ///
    /// # Errors
    /// A password that is too short or long, or the store's refusal.
    pub async fn replace_password(&self, of: AgentId, password: &Private) -> Result<(), Refusal> {
        self.audited()?;
        let secret = self.secret(of, password).await?;
        let deed = Deed::new(Doer::Operator, "agent.password", format!("agent {of}"));
        self.keep(secret, None, Some(deed)).await.map(drop)
    }

    /// Changes agents, teams, inboxes or the site. Returns the number of the row that was made or
    /// changed. `password` belongs to a new agent.
    ///
    /// # Errors
    /// The desk's refusal; nothing has changed.
    pub async fn administer(
        &self,
        by: AgentId,
        command: SiteCommand,
        password: Option<&Private>,
    ) -> Result<u32, Refusal> {
        let site = self.site();
        let actor = site.actor(by).ok_or(Refusal::new(code::BAD_TOKEN))?;
        if password.is_some() {
            site.may_set_first(by)?;
        }
        self.change_site(actor, command, password).await
    }

    /// The same by the desk itself: the control socket, provisioning. `password` belongs to a new
    /// agent.
    ///
    /// # Errors
    /// The desk's refusal; nothing has changed.
    pub async fn administer_as_operator(
        &self,
        command: SiteCommand,
        password: Option<&Private>,
    ) -> Result<u32, Refusal> {
        let actor = Actor { who: Who::System, name: "".into(), role: None, teams: Vec::new() };
        self.change_site(actor, command, password).await
    }

    /// Makes the site somebody's: once, and only with the code that was printed at the start.
    ///
    /// # Errors
    /// `BAD_SETUP_CODE`, `CLAIMED`, a value that is wrong, or the store's refusal; nothing has
    /// changed.
    pub async fn claim(&self, code: &str, claim: Claim) -> Result<Claimed, Refusal> {
        let right = self.0.claim_code.as_ref().is_some_and(|kept| {
            token::same(kept.as_bytes(), code.trim().to_ascii_uppercase().as_bytes())
        });
        if self.claimed() {
            return Err(Refusal::new(code::CLAIMED));
        }
        if !right {
            return Err(Refusal::new(code::BAD_SETUP_CODE));
        }
        self.claim_as_operator(claim).await
    }

    /// The same by the operator of the machine, who needs no code.
    ///
    /// # Errors
    /// As `claim`.
    pub async fn claim_as_operator(&self, claim: Claim) -> Result<Claimed, Refusal> {
        let inbox_key = inbox_key()?;
        let command = SiteCommand::Claim {
            owner: NewAgent {
                login: claim.login,
                name: claim.name.0,
                role: Role::Owner,
                capacity: 0,
                teams: Vec::new(),
            },
            site: claim.site,
            language: claim.language,
            team: claim.team,
            inbox_key: inbox_key.clone(),
        };
        let agent = self.administer_as_operator(command, Some(&claim.password)).await?;
        Ok(Claimed { agent: AgentId(agent), inbox_key })
    }

    /// A change of the site, and the line of the audit log that tells of it.
    async fn change_site(
        &self,
        actor: Actor,
        command: SiteCommand,
        password: Option<&Private>,
    ) -> Result<u32, Refusal> {
        let (desk, password) = (self.clone(), password.cloned());
        to_the_end(async move { desk.change_in_turn(&actor, command, password).await }).await
    }

    async fn change_in_turn(
        &self,
        actor: &Actor,
        command: SiteCommand,
        password: Option<Private>,
    ) -> Result<u32, Refusal> {
        self.audited()?;
        let who = match actor.who {
            Who::Agent(agent) => Doer::Agent(agent),
            Who::System | Who::Visitor(_) => Doer::Operator,
        };
        let (what, about) = deed(&command);
        let deed = Deed::new(who, what, about);
        let Ok(_turn) = self.0.settings.acquire().await else {
            return Err(Refusal::new(code::GOING_AWAY));
        };
        match self.change(actor, &command, password.as_ref()).await {
            Ok(change) => {
                self.act(deed, change.items).await?;
                for agent in change.risen {
                    let left = self.0.reads.run(move |reader| reader.sign_ins_of(agent)).await?;
                    self.end_sign_ins(left).await?;
                }
                Ok(change.made)
            }
            Err(refusal) => self.refused(deed, refusal).await,
        }
    }

    /// Decides one change of the site; changes wait for each other, so that each decision sees
    /// the one before. A new agent's password is in the same batch. Whoever begins to administer
    /// loses theirs and their sign-ins: others may know them, and could act in two duties.
    async fn change(
        &self,
        actor: &Actor,
        command: &SiteCommand,
        password: Option<&Private>,
    ) -> Result<Change, Refusal> {
        let (site, now) = (self.site(), self.clock().wall());
        let key = MessageKey::new(now.ms, random()?);
        let drafts = site.decide(now, actor, key, command)?;
        let made = drafts.last().map_or(0, |draft| row_number(&draft.entry));
        let risen: Vec<AgentId> =
            drafts.iter().filter_map(|draft| site.begins_to_administer(&draft.entry)).collect();
        let mut items: SmallVec<[Item; 2]> = drafts.into_iter().map(item).collect();
        if let Some(password) = password {
            items.push(Item::Fact(Fact::Secret(self.secret(AgentId(made), password).await?)));
        }
        for agent in risen.iter().copied() {
            let password = Private::default();
            items.push(Item::Fact(Fact::Secret(Secret { agent, password })));
            let sign_ins = self.0.reads.run(move |reader| reader.sign_ins_of(agent)).await?;
            items.extend(sign_ins.iter().take(SIGN_INS_AT_ONCE / risen.len()).map(end));
        }
        Ok(Change { made, items, risen })
    }

    async fn secret(&self, agent: AgentId, password: &Private) -> Result<Secret, Refusal> {
        if !(PASSWORD_LEAST..=PASSWORD_MOST).contains(&password.len()) {
            return Err(Refusal::new(code::WEAK_PASSWORD));
        }
        let (scheme, password) = (self.scheme(), password.clone());
        let hash = self
            .hashing(move || password::hash(scheme, &password).map_err(|_| Refusal::busy(1_000)))
            .await?;
        Ok(Secret { agent, password: Private(hash) })
    }

    /// Runs a memory-hard hash on a blocking thread, a few at a time.
    async fn hashing<T: Send + 'static>(
        &self,
        hash: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit =
            Arc::clone(&self.0.passwords).try_acquire_owned().map_err(|_| Refusal::busy(1_000))?;
        let work = tokio::task::spawn_blocking(move || {
            let result = hash();
            drop(permit);
            result
        });
        work.await.unwrap_or(Err(Refusal::new(code::GOING_AWAY)))
    }

    pub(super) async fn append(&self, items: SmallVec<[Item; 2]>) -> Result<(), Refusal> {
        self.0.ledger.append(items).await.map(drop)
    }
}

fn item(draft: Draft) -> Item {
    let bytes = wire::encode_entry(&draft.entry);
    let body_hash = [0; 16];
    Item::Entry(NewEntry { bytes, entry: Arc::new(draft.entry), feeds: draft.feeds, body_hash })
}

fn row_number(entry: &Entry) -> u32 {
    match &entry.body {
        Body::Agent(row) => row.id.0,
        Body::Team(row) => row.id.0,
        Body::Inbox(row) => row.id.0,
        Body::Opened { .. }
        | Body::Message(_)
        | Body::Note(_)
        | Body::Queued { .. }
        | Body::Assigned { .. }
        | Body::Transferred { .. }
        | Body::Resolved
        | Body::Reopened
        | Body::Rated { .. }
        | Body::Recalled { .. }
        | Body::Profile(_)
        | Body::Tombstone(_)
        | Body::Erased { .. }
        | Body::Site(_) => 0,
    }
}

/// Sixteen random characters that are easy to read aloud; public, so only unlikely to collide.
pub fn inbox_key() -> Result<String, Refusal> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bits = random()?;
    Ok((0..16).map(|at| char::from(LETTERS[(bits >> (5 * at)) as usize & 31])).collect())
}

pub(super) fn random() -> Result<u128, Refusal> {
    let mut bytes = [0; 16];
    token::fill_random(&mut bytes).map_err(|_| Refusal::busy(1_000))?;
    Ok(u128::from_be_bytes(bytes))
}
