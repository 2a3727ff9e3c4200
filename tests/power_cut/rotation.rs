//! Rotation of the masters of a store that lives through power cuts.

use posthouse::store::engine::Engine;
use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::{KeyId, Keys};

/// The key file of a sealed store, and how far its rotation is in this life.
#[derive(Default)]
pub struct Masters {
    ids: Vec<KeyId>,
    /// A whole pass must begin and end in one life.
    pass: Option<Pass>,
    pub dropped: u64,
}

#[derive(Clone, Copy)]
enum Pass {
    Journal { begin: bool },
    Pages(u64),
    Conversations,
}

impl Masters {
    pub fn one() -> Self {
        Self { ids: vec![1], ..Self::default() }
    }

    pub fn keys(&self) -> Keys {
        let master = |id: &KeyId| (*id, Secret::new([u8::try_from(*id).unwrap(); 32]));
        Keys::new(Family::National, self.ids.iter().map(master).collect()).unwrap()
    }

    /// The process ended.
    pub fn forget_pass(&mut self) {
        self.pass = None;
    }

    /// The next thing a rotation does; `early`: the old masters are dropped before it did anything.
    /// What fails is tried again, or the power went.
    pub fn step(&mut self, engine: &mut Engine, early: bool) {
        let shared = engine.shared().clone();
        let disk = shared.disk.sealed().expect("a sealed store");
        match self.pass {
            None => {
                let newest = self.ids.iter().max().unwrap() + 1;
                if newest < 200 {
                    self.ids.push(newest);
                    let renewed = disk.renew(&self.keys());
                    self.pass = renewed.is_ok().then_some(Pass::Journal { begin: true });
                }
                if early && self.pass.is_some() {
                    self.drop_old(engine);
                }
            }
            Some(Pass::Journal { begin }) => {
                while shared.checkpoint().is_ok_and(|more| more) {}
                match engine.wipe(begin) {
                    Ok(true) => self.pass = Some(Pass::Journal { begin: false }),
                    Ok(false) => self.pass = Some(Pass::Pages(0)),
                    Err(_) => {}
                }
            }
            Some(Pass::Pages(first)) => match disk.reseal(first).map(|step| step.next) {
                Ok(Some(next)) => self.pass = Some(Pass::Pages(next)),
                Ok(None) => {
                    self.pass = Some(Pass::Conversations);
                    self.rewrap(engine);
                }
                Err(_) => {}
            },
            Some(Pass::Conversations) => self.rewrap(engine),
        }
    }

    /// The keys of conversations are few here: all of them at once.
    fn rewrap(&mut self, engine: &Engine) {
        let disk = engine.shared().disk.sealed().expect("a sealed store");
        let mut next = Some(0);
        while let Some(first) = next {
            match disk.rewrap(first) {
                Ok(step) => next = step.next,
                Err(_) => return,
            }
        }
        self.drop_old(engine);
    }

    fn drop_old(&mut self, engine: &Engine) {
        let newest = *self.ids.iter().max().unwrap();
        self.ids.retain(|id| *id == newest);
        self.pass = None;
        self.dropped += 1;
        let disk = engine.shared().disk.sealed().expect("a sealed store");
        // Masters that are dropped need no write.
        disk.renew(&self.keys()).unwrap();
    }
}
