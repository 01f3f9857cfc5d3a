//! Publishing, loading and reclaiming in every order in which threads can meet (loom).
//!
//! The store, the reclaimer and the tree are those that ship; what they share is watched (see
//! `sync/`). Beside each block stands an [`Access`]: the writer notes that it writes the blocks that
//! it was given, readers note that they read all that their snapshot reaches. So the model fails
//! where a block is used again that a reader still sees, and also where only the order of memory
//! lets it seem so.
//!
//! Run: `cargo proof --only every_order`

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use loom::{sync::Mutex, thread};

use super::{
    Draft, Snapshot, StagedTree, Store,
    memory::Block,
    sync::{Access, without_fences},
    testing::{check_blocks, commit, empty_store, id, set, values, write},
};

/// Two records that lie in two pages.
const NEAR: u64 = 1;
const FAR: u64 = 65;

struct World {
    store: Store,
    blocks: HashMap<Block, Access>,
}

impl World {
    /// A table of two pages, each of whose blocks is known.
    fn new() -> Arc<Self> {
        let store = empty_store();
        commit(&store, |staged| {
            write(staged.insert(id(NEAR)).unwrap(), 0);
            write(staged.insert(id(FAR)).unwrap(), 0);
        });
        let snapshot = store.snapshot();
        let mut blocks = blocks_of(&snapshot);
        let arenas = snapshot.table_in(0).unwrap().version.memory().lock();
        blocks.extend(arenas.pages.free_blocks());
        blocks.extend(arenas.nodes.free_blocks());
        drop(arenas);
        drop(snapshot);
        let blocks = blocks.into_iter().map(|block| (block, Access::new()));
        let blocks = blocks.collect();
        Arc::new(Self { store, blocks })
    }

    /// Publishes a version in which one record has another value.
    fn publish(&self, record: u64, value: u64) {
        let base = self.store.snapshot();
        let before = blocks_of(&base);
        let mut draft = Draft::new(base);
        let base = draft.snapshot();
        let mut staged = Draft::stage(&base, 0, self.store.transaction_number()).unwrap();
        set(&mut staged, record, value);
        for block in blocks_in(&staged) {
            if !before.contains(&block) {
                self.blocks[&block].write();
            }
        }
        let table = base.table_in(0).unwrap().version;
        draft.set_staged(table, &mut staged, 2, 0, Arc::default());
        drop(staged);
        drop(base);
        drop(self.store.publish(draft));
    }

    /// Reads all that a snapshot reaches.
    fn read(&self, snapshot: &Snapshot) -> Vec<u64> {
        for block in blocks_of(snapshot) {
            self.blocks[&block].read();
        }
        values(snapshot)
    }

    /// With all snapshots dropped, each block is in the current tree or free.
    fn check_end(&self) {
        self.store.reclaim();
        assert_eq!(self.store.live_snapshots(), 1);
        assert_eq!(self.store.waiting_blocks(), 0);
        check_blocks(&self.store);
    }
}

fn blocks_of(snapshot: &Snapshot) -> Vec<Block> {
    let (mut pages, nodes, _) = snapshot.table_in(0).unwrap().tree().blocks();
    pages.extend(nodes);
    pages
}

fn blocks_in(staged: &StagedTree) -> Vec<Block> {
    let (mut pages, nodes, _) = staged.view().blocks();
    pages.extend(nodes);
    pages
}

/// Tries every order of the threads; with `preemptions`, those in which so many times at most
/// another thread goes on where this one could have.
fn in_every_order(preemptions: Option<usize>, run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.max_branches = 20_000;
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    model.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        run();
    });
    let runs = runs.load(Ordering::Relaxed);
    assert!(runs > 100, "the threads meet in {runs} orders only");
    eprintln!("{runs} orders");
}

/// Takes a snapshot, reads it twice and lets it go.
fn hold(world: &World) {
    let snapshot = world.store.snapshot();
    let seen = world.read(&snapshot);
    thread::yield_now();
    assert_eq!(world.read(&snapshot), seen, "the snapshot changed");
}

fn start(world: &Arc<World>, run: impl FnOnce(&World) + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || run(&world))
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// Reads a snapshot, which shows this, and lets it go.
fn reading(snapshot: Snapshot, shown: [u64; 2]) -> impl FnOnce(&World) + 'static {
    move |world| assert_eq!(world.read(&snapshot), shown)
}

/// The third version is written into blocks that were part of the first ones.
fn publish_thrice(world: &World) {
    world.publish(NEAR, 1);
    world.publish(FAR, 2);
    world.publish(NEAR, 3);
}

fn one_reader_beside_publishes() {
    let world = World::new();
    let reader = start(&world, hold);
    publish_thrice(&world);
    reader.join().unwrap();
    world.check_end();
}

#[test]
fn a_block_that_a_reader_sees_is_not_used_again() {
    in_every_order(None, one_reader_beside_publishes);
}

/// The count of a snapshot says that its readers are gone, but not that all they read was read.
#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_the_reclaimer_a_block_is_used_again_too_early() {
    without_fences(|| in_every_order(None, one_reader_beside_publishes));
}

#[test]
fn two_readers_beside_publishes_see_their_own_versions() {
    in_every_order(Some(3), || {
        let world = World::new();
        let readers = [start(&world, hold), start(&world, hold)];
        publish_thrice(&world);
        join(readers);
        world.check_end();
    });
}

/// What the newer of two snapshots kept goes on to the older one, or is free.
#[test]
fn a_block_that_two_readers_see_waits_for_both() {
    in_every_order(None, || {
        let world = World::new();
        let older = world.store.snapshot();
        world.publish(NEAR, 1);
        let newer = world.store.snapshot();
        let readers = [
            start(&world, reading(older, [0, 0])),
            start(&world, reading(newer, [1, 0])),
        ];
        world.publish(FAR, 2);
        world.store.reclaim();
        world.publish(FAR, 3);
        join(readers);
        world.check_end();
    });
}

#[test]
fn a_snapshot_that_is_handed_to_another_thread_keeps_what_it_sees() {
    in_every_order(None, || {
        let world = World::new();
        let first = world.store.snapshot();
        let second = first.clone();
        let readers = [
            start(&world, reading(first, [0, 0])),
            start(&world, reading(second, [0, 0])),
        ];
        publish_thrice(&world);
        join(readers);
        world.check_end();
    });
}

#[test]
fn who_reclaims_beside_a_writer_gives_back_what_nobody_sees() {
    in_every_order(Some(5), || {
        let world = World::new();
        let reader = start(&world, hold);
        let reclaims = start(&world, |world| world.store.reclaim());
        publish_thrice(&world);
        join([reader, reclaims]);
        world.check_end();
    });
}

#[test]
fn two_writers_that_take_turns_use_the_blocks_of_each_other() {
    in_every_order(Some(4), || {
        let world = World::new();
        // As the commit lock of the table.
        let turn = Arc::new(Mutex::new(()));
        let writer = |record, value| {
            let turn = Arc::clone(&turn);
            move |world: &World| {
                for round in 0..2_u64 {
                    let _turn = turn.lock().unwrap();
                    world.publish(record, value + round);
                }
            }
        };
        let other = start(&world, writer(FAR, 20));
        let reader = start(&world, hold);
        writer(NEAR, 10)(&world);
        join([other, reader]);
        assert_eq!(world.read(&world.store.snapshot()), [11, 21]);
        world.check_end();
    });
}
