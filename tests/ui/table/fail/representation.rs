use tickbase::table;

#[table]
#[repr(C, align(16))]
struct Aligned {
    value: u32,
}

#[table]
#[repr(packed)]
struct Packed {
    value: u32,
}

#[table]
#[cfg_attr(all(), repr(packed))]
struct Hidden {
    #[cfg(debug_assertions)]
    debug: u32,
    value: u32,
}

#[table]
struct Large {
    bytes: [u8; 65_537],
}

fn main() {}
