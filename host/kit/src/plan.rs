//! Which rows there are.
//!
//! Apart so that they can be listed and chosen before any of them runs.

use crate::row::{Part, Tried};
use crate::trouble::TROUBLES;
use crate::{Kit, cases, history, reads, writes};

/// A row that was not run yet.
pub(crate) struct Planned {
    pub(crate) part: Part,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(&Kit) -> Tried + Send + Sync>,
}

impl Planned {
    pub(crate) fn new(
        part: Part,
        group: &str,
        name: &str,
        run: impl Fn(&Kit) -> Tried + Send + Sync + 'static,
    ) -> Self {
        Self { part, group: group.to_owned(), name: name.to_owned(), run: Box::new(run) }
    }

    /// `part/group/name`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}/{}", self.part.as_str(), self.group, self.name)
    }
}

/// Every row that can be known ahead.
pub(crate) fn all() -> Vec<Planned> {
    let mut rows = Vec::new();
    for scene in writes::Scene::ALL {
        for trouble in TROUBLES {
            let run = move |kit: &Kit| writes::run(kit, scene, trouble);
            rows.push(Planned::new(Part::Exports, scene.name(), trouble.name, run));
        }
    }
    for scene in reads::Scene::ALL {
        for trouble in TROUBLES {
            let run = move |kit: &Kit| reads::run(kit, scene, trouble);
            rows.push(Planned::new(Part::Exports, scene.name(), trouble.name, run));
        }
    }
    rows.extend(cases::all());
    rows.extend(history::undisturbed());
    rows
}
