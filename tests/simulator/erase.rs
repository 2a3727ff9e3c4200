//! The operator of the machine erases conversations now and then, until there is peace.

use posthouse::actors::shard::Job;
use posthouse::base::chance::Chance;
use posthouse::base::code;
use posthouse::base::{Feed, MessageKey, Private, Tick};
use posthouse::desk::{Actor, Command, Refusal, Request, Who};
use posthouse::session::Input;
use posthouse::store::{ListQuery, Scope};

use crate::net::{Agenda, Link, Network};
use crate::server::{Reply, Server, Task};

impl Server {
    pub fn erase(&mut self, agenda: &mut Agenda, network: &mut Network) {
        let pause = 4_000 + self.chance.below(40_000);
        self.later(agenda, pause, Task::Erase);
        if !network.rough {
            return;
        }
        let Some(running) = &self.running else { return };
        let query = ListQuery { scope: Scope::All, state: None, before_ms: u64::MAX, limit: 100 };
        let Ok(rows) = running.reader.conversations(query) else { return };
        let at = usize::try_from(self.chance.below(rows.len() as u64)).unwrap_or(0);
        let Some(id) = rows.get(at).map(|row| row.id) else { return };
        let now = (Tick(agenda.now), self.wall(agenda.now));
        let key = MessageKey::new(now.1.ms, self.chance.wide());
        let request = Request::plain(key, Command::Erase);
        let actor =
            Actor { who: Who::System, name: Private::default(), role: None, teams: Vec::new() };
        self.shard(agenda, network, id, |shard, effects| {
            shard.submit(now, id, Job { actor, request, reply: Reply::Nobody }, effects);
        });
    }

    /// Nobody reads the feed any more.
    pub fn close_feed(&mut self, agenda: &mut Agenda, network: &mut Network, feed: Feed) {
        self.last_erasure = agenda.now;
        let Some(running) = &self.running else { return };
        let connections = running.connections.iter();
        let links: Vec<Link> = connections
            .filter(|(_, connection)| connection.follows.contains(&feed))
            .map(|(link, _)| *link)
            .collect();
        for link in links {
            let refusal = Refusal::new(code::ERASED);
            self.input(agenda, network, link, Input::FeedClosed { feed, refusal });
        }
    }
}
