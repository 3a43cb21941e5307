use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const PATHS: [&str; 6] = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/z"];
const EVENTS: [EventType; 4] = [
    EventType::NodeCreated,
    EventType::NodeDeleted,
    EventType::NodeDataChanged,
    EventType::NodeChildrenChanged,
];

/// What ZooKeeper's tables come to, said as plainly as possible.
#[derive(Default)]
struct Model(BTreeSet<(u64, &'static str, WatchKind)>);

impl Model {
    fn is_hit((_, at, kind): &(u64, &str, WatchKind), path: &str, event: EventType) -> bool {
        let is_below = path != *at && (*at == "/" || path.starts_with(&format!("{at}/")));
        let children = event == EventType::NodeChildrenChanged;
        match kind {
            WatchKind::Data | WatchKind::Exist => *at == path && !children,
            WatchKind::Child => *at == path && (children || event == EventType::NodeDeleted),
            WatchKind::Persistent => *at == path,
            WatchKind::PersistentRecursive => !children && (*at == path || is_below),
        }
    }

    fn fire(&mut self, path: &str, event: EventType, whose: impl Fn(u64) -> bool) -> Vec<LinkKey> {
        let hit = |w: &(u64, &str, WatchKind)| whose(w.0) && Self::is_hit(w, path, event);
        let links: BTreeSet<_> = self.0.iter().filter(|w| hit(w)).map(|w| LinkKey(w.0)).collect();
        self.0.retain(|w| !(hit(w) && WatchKinds::ONE_SHOT.contains(w.2)));
        links.into_iter().collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, usize, WatchKind),
    Fire(usize, usize),
    FireFor(u64, usize, usize),
    Remove(u64, usize, u8),
    RemoveLink(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (link, path, event) = (0..4u64, 0..PATHS.len(), 0..EVENTS.len());
    let kind = (0..WatchKinds::EACH.len()).prop_map(|at| WatchKinds::EACH[at]);
    prop_oneof![
        6 => (link.clone(), path.clone(), kind).prop_map(|(l, p, k)| Step::Insert(l, p, k)),
        4 => (path.clone(), event.clone()).prop_map(|(p, e)| Step::Fire(p, e)),
        2 => (link.clone(), path.clone(), event).prop_map(|(l, p, e)| Step::FireFor(l, p, e)),
        2 => (link.clone(), path, 0..=WatchKinds::ALL.0).prop_map(|(l, p, k)| Step::Remove(l, p, k)),
        1 => link.prop_map(Step::RemoveLink),
    ]
}

proptest! {
    #[test]
    fn the_table_is_a_set_of_link_path_and_kind(steps in prop::collection::vec(step(), 0..200)) {
        let mut table = WatchTable::default();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Insert(link, path, kind) => {
                    table.insert(LinkKey(link), PATHS[path], kind);
                    model.0.insert((link, PATHS[path], kind));
                }
                Step::Fire(path, event) => {
                    let mut fired = Vec::new();
                    table.fire(PATHS[path], EVENTS[event], &mut fired);
                    fired.sort();
                    prop_assert_eq!(fired, model.fire(PATHS[path], EVENTS[event], |_| true), "each link once");
                }
                Step::FireFor(link, path, event) => {
                    let fired = table.fire_for(LinkKey(link), PATHS[path], EVENTS[event]);
                    let expected = model.fire(PATHS[path], EVENTS[event], |whose| whose == link);
                    prop_assert_eq!(fired, !expected.is_empty());
                }
                Step::Remove(link, path, kinds) => {
                    table.remove(LinkKey(link), PATHS[path], WatchKinds(kinds));
                    let gone = |w: &(u64, &str, WatchKind)| {
                        w.0 == link && w.1 == PATHS[path] && WatchKinds(kinds).contains(w.2)
                    };
                    model.0.retain(|w| !gone(w));
                }
                Step::RemoveLink(link) => {
                    table.remove_link(LinkKey(link));
                    model.0.retain(|w| w.0 != link);
                }
            }
            let recursive = model.0.iter().filter(|w| w.2 == WatchKind::PersistentRecursive).count();
            prop_assert_eq!((table.len(), table.recursive), (model.0.len(), recursive));
        }
        for link in 0..4 {
            table.remove_link(LinkKey(link));
        }
        prop_assert!(table.by_path.is_empty() && table.by_link.is_empty());
        prop_assert_eq!((table.len(), table.recursive), (0, 0));
    }
}
