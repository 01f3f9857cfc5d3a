//! Random histories of a tree with tails and packed pages, beside an ordered map.

#![expect(unsafe_code, reason = "the tests publish trees by hand")]

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Geometry, PRIVATE, Retired, StagedParts, StagedTree, Tree, TreeView, made_blocks,
    stamp_new_parts,
};
use crate::{
    schema::RecordId,
    storage::{
        MemoryAccount,
        memory::{Arena, Block},
        table_memory::TableMemory,
    },
};

type Model = BTreeMap<u64, (u64, Vec<u8>)>;

/// A published tree, and what has to be given back with it.
struct Published {
    tree: Tree,
    memory: Arc<TableMemory>,
    transaction: u64,
}

/// Numbers that follow no pattern: a xorshift generator (Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn tail(&mut self) -> Vec<u8> {
        let length = match self.below(10) {
            0..3 => 0,
            3..9 => self.below(300),
            _ => self.below(9_000),
        };
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

fn view(tree: &Tree) -> TreeView<'_> {
    // SAFETY: the tests give nothing back that a tree which they look at reaches.
    unsafe { tree.view() }
}

impl Published {
    fn new(geometry: Geometry) -> Self {
        let account = Arc::new(MemoryAccount::new(u64::MAX));
        Self {
            tree: Tree::empty(geometry),
            memory: Arc::new(TableMemory::new(geometry, &account)),
            transaction: 1,
        }
    }

    fn stage(&mut self) -> StagedTree {
        self.transaction += 1;
        // SAFETY: the published tree lives until the staged one is published or dropped.
        unsafe { StagedTree::new(self.tree, Arc::clone(&self.memory), self.transaction) }
    }

    fn publish(&mut self, mut staged: StagedTree) {
        let (tree, memory, parts) = staged.take_parts();
        // SAFETY: nobody else has the parts.
        unsafe { stamp_new_parts(&parts, tree.geometry(), self.transaction) };
        memory.give_back(&parts.retired);
        self.tree = tree;
        self.memory = memory;
    }

    /// Every block of the table is free or in the tree: one of these, and once.
    fn check_blocks(&self) {
        let (pages, nodes, tails) = view(&self.tree).blocks();
        let arenas = self.memory.lock();
        let every = |arenas: &[&Arena]| {
            let free = arenas.iter().flat_map(|arena| arena.free_blocks());
            let count: usize = arenas.iter().map(|arena| arena.block_count()).sum();
            (free.collect::<Vec<Block>>(), count)
        };
        let [quarter, half] = &arenas.packed;
        let (free, count) = every(&[&arenas.pages, quarter, half]);
        check(free, pages, count);
        let (free, count) = every(&[&arenas.nodes]);
        check(free, nodes, count);
        let (count, free) = arenas.tails.counts();
        check(free, tails, count);
    }

    fn check(&self, model: &Model) {
        let tree = view(&self.tree);
        let pages = tree.leaves_from(0).flat_map(|leaf| leaf.pages());
        let found = pages.flat_map(|page| page.records());
        let found = found.map(|(id, record)| {
            let number = u64::from_le_bytes(record.fixed[..8].try_into().unwrap());
            (id.get(), (number, record.tail.to_vec()))
        });
        assert_eq!(found.collect::<Model>(), *model);
        for (number, (value, tail)) in model {
            assert_eq!(tree.get(id(*number)).unwrap()[..8], value.to_le_bytes());
            assert_eq!(tree.tail(id(*number)).unwrap(), tail);
        }
    }

    /// The same records in memory of its own, its pages packed.
    fn packed(&self) -> Self {
        let mut new = Self::new(self.tree.geometry());
        let mut staged = new.stage();
        for page in view(&self.tree)
            .leaves_from(0)
            .flat_map(|leaf| leaf.pages())
        {
            if page.live() == 0 {
                continue;
            }
            let fixed: Vec<u8> = page
                .records()
                .flat_map(|(_, record)| record.fixed.to_vec())
                .collect();
            staged
                .insert_page(id(page.first_id()), page.live(), &fixed, true)
                .unwrap();
            for (id, record) in page.records() {
                if let Some(tail) = staged.spare_tail(record.tail).unwrap() {
                    staged.add_tail(id, tail).unwrap();
                }
            }
        }
        new.publish(staged);
        new
    }
}

fn check(mut blocks: Vec<Block>, reached: Vec<Block>, exist: usize) {
    blocks.extend(reached);
    let count = blocks.len();
    blocks.sort_unstable();
    blocks.dedup();
    assert_eq!(
        blocks.len(),
        count,
        "a block is used and free, or used twice"
    );
    assert_eq!(count, exist, "a block is lost");
}

fn change(staged: &mut StagedTree, model: &mut Model, random: &mut Random, ids: u64) {
    let number = 1 + random.below(ids);
    match random.below(8) {
        0..3 => {
            let value = random.next();
            let bytes = match staged.insert(id(number)) {
                Ok(bytes) => bytes,
                Err(_) => {
                    assert!(model.contains_key(&number));
                    return;
                }
            };
            bytes.fill(0);
            bytes[..8].copy_from_slice(&value.to_le_bytes());
            let tail = random.tail();
            assert!(staged.set_tail(id(number), &tail).unwrap());
            assert!(model.insert(number, (value, tail)).is_none());
        }
        3..5 => {
            let value = random.next();
            let found = staged.update(id(number)).unwrap();
            assert_eq!(found.is_some(), model.contains_key(&number));
            if let Some(mut bytes) = found {
                bytes.set_part(0, &value.to_le_bytes());
                model.get_mut(&number).unwrap().0 = value;
            }
        }
        5 => {
            let tail = random.tail();
            let found = staged.set_tail(id(number), &tail).unwrap();
            assert_eq!(found, model.contains_key(&number));
            if found {
                model.get_mut(&number).unwrap().1 = tail;
            }
        }
        _ => {
            let removed = staged.remove(id(number)).unwrap();
            assert_eq!(removed, model.remove(&number).is_some());
        }
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.below(u64::MAX)
    }
}

#[test]
fn random_histories_with_tails_and_packed_pages_are_those_of_an_ordered_map() {
    // Sixteen slots in a page and sixty-four: `live` bits in the address and beside it.
    for (seed, record_bytes) in [(1, 64), (2, 8), (3, 1_000), (4, 24), (5, 5_000)] {
        let mut random = Random(seed * 0x9E37_79B9);
        let mut published = Published::new(Geometry::new(record_bytes).with_tails());
        let mut model = Model::new();
        for round in 0..120 {
            let mut staged = published.stage();
            let mut changed = model.clone();
            for _ in 0..random.below(60) {
                // A few ids far away make the tree grow and have holes.
                let ids = if random.below(40) == 0 {
                    3_000_000
                } else {
                    700
                };
                change(&mut staged, &mut changed, &mut random, ids);
            }
            if random.below(4) == 0 {
                drop(staged);
            } else {
                published.publish(staged);
                model = changed;
            }
            if round % 10 == 9 {
                published.check(&model);
                published = published.packed();
            }
            published.check(&model);
            published.check_blocks();
        }
        assert!(model.len() > 20, "seed {seed} left too little to look at");
    }
}

#[test]
fn a_packed_table_takes_what_its_records_need() {
    let mut table = Published::new(Geometry::new(64));
    let mut staged = table.stage();
    for number in 1..=16_000 {
        staged.insert(id(number)).unwrap().fill(7);
    }
    // One of sixteen stays.
    for number in (1..=16_000).filter(|number| number % 16 != 3) {
        staged.remove(id(number)).unwrap();
    }
    table.publish(staged);
    let full = table.memory.lock().bytes();
    let mut new = Published::new(Geometry::new(64));
    let mut staged = new.stage();
    for page in view(&table.tree)
        .leaves_from(0)
        .flat_map(|leaf| leaf.pages())
    {
        if page.live() != 0 {
            let fixed: Vec<u8> = page
                .records()
                .flat_map(|(_, record)| record.fixed.to_vec())
                .collect();
            staged
                .insert_page(id(page.first_id()), page.live(), &fixed, true)
                .unwrap();
        }
    }
    new.publish(staged);
    let packed = new.memory.lock().bytes();
    assert!(packed * 3 < full, "{packed} bytes of {full}");
    let found: Vec<u64> = view(&new.tree)
        .leaves_from(0)
        .flat_map(|leaf| leaf.pages())
        .flat_map(|page| page.records())
        .map(|(id, _)| id.get())
        .collect();
    let expected: Vec<u64> = (1..=16_000).filter(|number| number % 16 == 3).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_an_aborted_load_made_is_given_back() {
    let mut table = Published::new(Geometry::new(64).with_tails());
    let mut staged = table.stage();
    staged.insert_page(id(1), 0b101, &[1; 128], true).unwrap();
    let tail = staged.spare_tail(b"a tail of some bytes").unwrap().unwrap();
    staged.add_tail(id(3), tail).unwrap();
    // The packed page is written at full size.
    staged.update(id(1)).unwrap().unwrap().set(&[2; 64]);
    assert_eq!(staged.view().tail(id(3)).unwrap(), b"a tail of some bytes");
    let parts: &StagedParts = staged.parts_for_test();
    // SAFETY: the parts are only looked at.
    let made: Vec<Retired> = unsafe { made_blocks(parts, table.tree.geometry()) };
    // Two pages, a leaf, two inner nodes and a tail.
    assert_eq!(made.len(), 6);
    assert!(made.iter().all(|block| block.born & PRIVATE != 0));
    drop(staged);
    table.check_blocks();
}
