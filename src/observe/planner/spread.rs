//! How the namespaces of one grouped query are spread over several requests. Pure.
//!
//! A query is asked for all its namespaces at once until an answer grows wide or a server refuses it. Then its namespaces
//! are divided, each into exactly one shard, and every shard names its own. Wide answers are divided by measured width,
//! refused ones in halves until what is refused stands alone. Calm shards are joined again.
use std::sync::Arc;

use concertina_decision::Timestamp;
use hashbrown::HashMap;

/// A shard names no more namespaces than this.
pub(super) const NAMED_PER_SHARD: usize = 500;
/// Refusals make no more shards of one query than this.
const MOST_SHARDS: usize = 64;
/// When so many refusals come without an answer between them, it is not a namespace that is at fault: halves of the
/// halves of as many as a shard may name need ten at most.
const ALL_AT_FAULT: u32 = 16;
/// Shards are joined after so many calm seconds; twice as long each time that this was too early, up to the second.
const CALM_SECONDS: u32 = 600;
const MOST_CALM_SECONDS: u32 = 4 * 3600;

/// Namespaces with the series that spoke of each.
type Measured<'n> = Vec<(&'n Arc<str>, usize)>;

/// The shards of one query. Without any it is asked as a whole.
#[derive(Debug)]
pub(super) struct Spread {
    homes: HashMap<Arc<str>, Home>,
    shards: Vec<Shard>,
    next_id: u32,
    calm_seconds: u32,
    /// Refusals since the last answer.
    refusals: u32,
    /// Until when refusals divide nothing.
    whole_until: Option<Timestamp>,
    looked_at: Option<Timestamp>,
    /// When the shards were joined into the whole.
    joined: Option<Timestamp>,
    /// Series that one answer may have.
    most: usize,
}

/// Where a namespace is asked for.
#[derive(Debug)]
struct Home {
    shard: usize,
    /// Series that spoke of it when it was last measured.
    width: usize,
    asked: Timestamp,
}

#[derive(Debug)]
struct Shard {
    id: u32,
    is_refused: bool,
    calm_since: Option<Timestamp>,
}

impl Shard {
    const fn new(id: u32) -> Self {
        Self {
            id,
            is_refused: false,
            calm_since: None,
        }
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            homes: HashMap::new(),
            shards: Vec::new(),
            next_id: 1,
            calm_seconds: CALM_SECONDS,
            refusals: 0,
            whole_until: None,
            looked_at: None,
            joined: None,
            most: usize::MAX,
        }
    }
}

impl Spread {
    pub(super) fn is_whole(&self) -> bool {
        self.shards.is_empty()
    }

    /// Whether it is of no more use: it is whole, and has been so for long enough.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let is_over = |joined: Timestamp| now >= joined.plus_seconds(self.calm_seconds);
        self.is_whole() && self.whole_until.is_none() && self.joined.is_none_or(is_over)
    }

    /// The number of the shard in which a namespace is asked for, and its name in requests. A new namespace goes where
    /// the fewest series are.
    pub(super) fn shard_of(&mut self, namespace: &Arc<str>, now: Timestamp) -> (usize, u32) {
        let shard = match self.homes.get_mut(namespace) {
            Some(home) => {
                home.asked = now;
                home.shard
            }
            None => self.take_in(namespace, now),
        };
        (shard, self.shards.get(shard).map_or(0, |shard| shard.id))
    }

    /// The same for those who only look.
    pub(super) fn known_shard_of(&self, namespace: &str) -> Option<u32> {
        let home = self.homes.get(namespace)?;
        self.shards.get(home.shard).map(|shard| shard.id)
    }

    fn take_in(&mut self, namespace: &Arc<str>, now: Timestamp) -> usize {
        let loads = self.loads();
        let lightest = loads
            .iter()
            .zip(&self.shards)
            .enumerate()
            .filter(|(_, ((_, names), shard))| !shard.is_refused && *names < NAMED_PER_SHARD)
            .min_by_key(|(_, ((width, _), _))| *width);
        let shard = match lightest {
            Some((shard, _)) => shard,
            None => {
                let id = self.new_id();
                self.shards.push(Shard::new(id));
                self.shards.len() - 1
            }
        };
        let home = Home {
            shard,
            width: 1,
            asked: now,
        };
        self.homes.insert(Arc::clone(namespace), home);
        shard
    }

    /// Width and number of namespaces of each shard.
    fn loads(&self) -> Vec<(usize, usize)> {
        let mut loads = vec![(0, 0); self.shards.len()];
        for home in self.homes.values() {
            if let Some((width, names)) = loads.get_mut(home.shard) {
                *width += home.width;
                *names += 1;
            }
        }
        loads
    }

    fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1).max(1);
        id
    }

    /// Where the shard of this name stands; for 0, the whole, `None` inside as long as it is the whole. `None`: what was
    /// asked then is divided otherwise now.
    fn current(&self, id: u32) -> Option<Option<usize>> {
        match id {
            0 => self.is_whole().then_some(None),
            id => self.shards.iter().position(|shard| shard.id == id).map(Some),
        }
    }

    /// A shard was answered; these are the namespaces that were asked for with the series that spoke of each.
    pub(super) fn answered(&mut self, id: u32, widths: &[(&Arc<str>, usize)], now: Timestamp) {
        self.refusals = 0;
        if self.is_whole() {
            return;
        }
        for (namespace, width) in widths {
            if let Some(home) = self.homes.get_mut(*namespace) {
                home.width = (*width).max(1);
            }
        }
        if let Some(Some(shard)) = self.current(id)
            && let Some(shard) = self.shards.get_mut(shard)
        {
            shard.is_refused = false;
            shard.calm_since = shard.calm_since.or(Some(now));
        }
    }

    /// A shard got no answer for reasons that dividing it does not help.
    pub(super) fn failed(&mut self, id: u32) {
        if let Some(Some(shard)) = self.current(id)
            && let Some(shard) = self.shards.get_mut(shard)
        {
            shard.calm_since = None;
        }
    }

    /// Divides a shard whose answer was too wide, so that no part should be wider than three quarters of `most` series.
    pub(super) fn too_wide(&mut self, id: u32, mut widths: Measured<'_>, most: usize, now: Timestamp) {
        let Some(place) = self.current(id) else { return };
        self.most = self.most.min(most);
        let all: usize = widths.iter().map(|(_, width)| *width).sum();
        let by_width = all.div_ceil((most * 3 / 4).max(1));
        let parts = by_width
            .max(widths.len().div_ceil(NAMED_PER_SHARD))
            .min(widths.len());
        if parts < 2 && place.is_some() {
            return;
        }
        // The widest first, each to where the fewest series are.
        widths.sort_by(|(name, width), (other_name, other)| other.cmp(width).then(name.cmp(other_name)));
        let mut divided: Vec<(usize, Measured<'_>)> = vec![Default::default(); parts.max(1)];
        for one in widths {
            let lightest = divided
                .iter_mut()
                .filter(|(_, names)| names.len() < NAMED_PER_SHARD)
                .min_by_key(|(width, _)| *width);
            if let Some((width, names)) = lightest {
                *width += one.1;
                names.push(one);
            }
        }
        self.divide(place, divided.into_iter().map(|(_, names)| names), now);
    }

    /// Divides a shard that was refused, if more than one namespace was asked for.
    pub(super) fn refused(&mut self, id: u32, namespaces: &[Arc<str>], now: Timestamp) {
        let Some(place) = self.current(id) else { return };
        if let Some(shard) = place.and_then(|place| self.shards.get_mut(place)) {
            shard.is_refused = true;
            shard.calm_since = None;
        }
        // Of a shard others may belong to it that were not asked for this time.
        let is_alone = place.is_none_or(|place| {
            let in_shard = self.homes.values().filter(|home| home.shard == place);
            in_shard.count() <= namespaces.len()
        });
        let is_stuck = namespaces.is_empty()
            || (namespaces.len() == 1 && is_alone)
            || (place.is_some() && self.shards.len() >= MOST_SHARDS);
        self.refusals += 1;
        let all_refused = is_stuck && self.shards.iter().all(|shard| shard.is_refused);
        if place.is_some() && (all_refused || self.refusals >= ALL_AT_FAULT) {
            // Whatever is asked is refused, so it is asked once.
            self.join_all(now);
            self.whole_until = Some(now.plus_seconds(self.calm_seconds));
            self.be_more_patient();
            return;
        }
        if is_stuck || self.whole_until.is_some_and(|until| now < until) {
            return;
        }
        let mut names: Measured<'_> = namespaces
            .iter()
            .map(|name| (name, self.homes.get(name).map_or(1, |home| home.width)))
            .collect();
        names.sort();
        if let [_] = *names {
            self.divide(place, [Vec::new(), names].into_iter(), now);
            return;
        }
        let parts = names.len().div_ceil(NAMED_PER_SHARD).max(2);
        let all: usize = names.iter().map(|(_, width)| *width).sum();
        let mut divided: Vec<Measured<'_>> = Vec::with_capacity(parts);
        let (mut before, count) = (0, names.len());
        for (index, one) in names.into_iter().enumerate() {
            let is_full = divided.last().is_none_or(|last| last.len() >= NAMED_PER_SHARD);
            // Halves by width; the last name begins the second at the latest.
            let is_half = divided.len() == 1 && parts == 2 && (before * 2 >= all || index + 1 == count);
            if is_full || is_half {
                divided.push(Vec::new());
            }
            before += one.1;
            if let Some(last) = divided.last_mut() {
                last.push(one);
            }
        }
        self.divide(place, divided.into_iter(), now);
    }

    /// Puts parts in the place of a shard, or of the whole. Namespaces of the shard that were not asked for this time stay
    /// with the first part.
    fn divide<'n>(
        &mut self,
        place: Option<usize>,
        parts: impl Iterator<Item = Measured<'n>>,
        now: Timestamp,
    ) {
        if place.is_none() && self.joined.take().is_some() {
            // It was joined too early.
            self.be_more_patient();
        }
        for (index, names) in parts.enumerate() {
            let id = self.new_id();
            let shard = match place.filter(|_| index == 0) {
                Some(place) => place,
                None => {
                    self.shards.push(Shard::new(id));
                    self.shards.len() - 1
                }
            };
            if let Some(shard) = self.shards.get_mut(shard) {
                *shard = Shard::new(id);
            }
            for (name, width) in names {
                let home = Home {
                    shard,
                    width: width.max(1),
                    asked: now,
                };
                self.homes.insert(Arc::clone(name), home);
            }
        }
    }

    fn be_more_patient(&mut self) {
        self.calm_seconds = self.calm_seconds.saturating_mul(2).min(MOST_CALM_SECONDS);
    }

    fn join_all(&mut self, now: Timestamp) {
        self.shards.clear();
        self.homes.clear();
        self.joined = Some(now);
        self.refusals = 0;
    }

    /// Joins what has been calm and narrow for long; looks once a minute.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.looked_at.is_some_and(|at| now < at.plus_seconds(60)) {
            return;
        }
        self.looked_at = Some(now);
        let most = self.most;
        if self.whole_until.is_some_and(|until| now >= until) {
            self.whole_until = None;
        }
        if self.is_whole() {
            return;
        }
        self.homes
            .retain(|_, home| now < home.asked.plus_seconds(CALM_SECONDS));
        let loads = self.loads();
        let is_calm = |shard: &Shard, names: usize| {
            // Nobody asks for an empty one any more.
            names == 0
                || shard
                    .calm_since
                    .is_some_and(|since| now >= since.plus_seconds(self.calm_seconds))
        };
        let mut calm: Vec<(usize, usize, usize)> = Vec::new();
        for (index, (shard, (width, names))) in self.shards.iter().zip(loads).enumerate() {
            if is_calm(shard, names) {
                calm.push((width, names, index));
            }
        }
        let all: usize = calm.iter().map(|(width, ..)| *width).sum();
        if calm.len() == self.shards.len() && all <= most / 2 {
            self.join_all(now);
            return;
        }
        // The lightest two, if they are narrow together.
        calm.sort_unstable();
        if let [(width, names, one), (other_width, other_names, other), ..] = *calm
            && width + other_width <= most / 2
            && names + other_names <= NAMED_PER_SHARD
        {
            self.join(one.min(other), one.max(other));
            self.looked_at = None;
        }
    }

    fn join(&mut self, kept: usize, gone: usize) {
        let last = self.shards.len().saturating_sub(1);
        if kept >= gone || gone > last {
            return;
        }
        let id = self.new_id();
        self.shards.swap_remove(gone);
        if let Some(shard) = self.shards.get_mut(kept) {
            // What has been calm apart may be joined further.
            shard.id = id;
        }
        for home in self.homes.values_mut() {
            if home.shard == gone {
                home.shard = kept;
            } else if home.shard == last {
                home.shard = gone;
            }
        }
    }
}

#[cfg(test)]
#[path = "spread_tests.rs"]
mod tests;
