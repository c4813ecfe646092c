//! The kinds that policies target, by small ids. A kind that nobody needs any more goes, and its id is used again. No network.
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use kube::core::GroupVersionKind;

use super::parts::Lists;
use super::slab::{Id, Slab};
use super::target_names::{KindState, shared_kind};

/// One kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) gvk: Arc<GroupVersionKind>,
    pub(super) state: KindState,
    pub(super) looked_up: Option<Instant>,
    /// The lists of its objects.
    pub(super) lists: Lists,
    /// So many targets of this kind have a place in the table.
    pub(super) targets: u32,
}

impl Kind {
    pub(super) const fn is_watched(&self) -> bool {
        matches!(self.state, KindState::Watched { .. })
    }
}

/// Kinds by their id.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    kinds: Slab<Kind>,
    ids: HashMap<Arc<GroupVersionKind>, Id>,
}

impl Kinds {
    pub(super) fn id(&self, gvk: &GroupVersionKind) -> Option<Id> {
        self.ids.get(gvk).copied()
    }

    pub(super) fn id_or_new(&mut self, gvk: &GroupVersionKind) -> Id {
        if let Some(known) = self.id(gvk) {
            return known;
        }
        let gvk = shared_kind(gvk.clone());
        let id = self.kinds.insert(Kind {
            gvk: Arc::clone(&gvk),
            state: KindState::Unknown,
            looked_up: None,
            lists: Lists::default(),
            targets: 0,
        });
        self.ids.insert(gvk, id);
        id
    }

    pub(super) fn get(&self, id: Id) -> Option<&Kind> {
        self.kinds.get(id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Kind> {
        self.kinds.get_mut(id)
    }

    pub(super) fn find(&self, gvk: &GroupVersionKind) -> Option<&Kind> {
        self.get(self.id(gvk)?)
    }

    pub(super) fn find_mut(&mut self, gvk: &GroupVersionKind) -> Option<&mut Kind> {
        self.get_mut(self.id(gvk)?)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<GroupVersionKind>> {
        self.ids.keys()
    }

    /// Drops a kind that was never looked up, or is to be forgotten, once no target of it is left.
    pub(super) fn forget_if_unused(&mut self, id: Id) {
        let is_unused = |kind: &&Kind| kind.targets == 0 && kind.looked_up.is_none();
        let Some(gvk) = self.get(id).filter(is_unused).map(|kind| Arc::clone(&kind.gvk)) else {
            return;
        };
        self.ids.remove(&gvk);
        self.kinds.remove(id);
    }
}
