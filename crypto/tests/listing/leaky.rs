//! The control: a round like SM4's with its S-box (any bytes do) as a table in memory, in the two
//! usual forms.

static S_BOX: [u8; 256] = {
    let mut table = [0; 256];
    let mut x = 0;
    while x < 256 {
        table[x] = (x * 167 + x / 3).to_le_bytes()[0];
        x += 1;
    }
    table
};

static WIDE: [u32; 256] = {
    let mut table = [0; 256];
    let mut x = 0;
    while x < 256 {
        let s = S_BOX[x] as u32;
        table[x] = s ^ s.rotate_left(2) ^ s.rotate_left(10) ^ s.rotate_left(18) ^ s.rotate_left(24);
        x += 1;
    }
    table
};

#[inline(never)]
pub fn byte_table(keys: &[u32; 32], x: &mut [u32; 4]) {
    for key in keys {
        let s = (x[1] ^ x[2] ^ x[3] ^ key).to_be_bytes().map(|byte| S_BOX[usize::from(byte)]);
        let s = u32::from_be_bytes(s);
        let l = s.rotate_left(2) ^ s.rotate_left(10) ^ s.rotate_left(18) ^ s.rotate_left(24);
        *x = [x[1], x[2], x[3], x[0] ^ s ^ l];
    }
}

#[inline(never)]
pub fn word_table(keys: &[u32; 32], x: &mut [u32; 4]) {
    for key in keys {
        let [a, b, c, d] = (x[1] ^ x[2] ^ x[3] ^ key).to_be_bytes().map(usize::from);
        let near = WIDE[c].rotate_left(8) ^ WIDE[d];
        let l = WIDE[a].rotate_left(24) ^ WIDE[b].rotate_left(16) ^ near;
        *x = [x[1], x[2], x[3], x[0] ^ l];
    }
}

#[inline(never)]
pub fn last_byte(x: u64) -> u8 {
    S_BOX[(x >> 56) as usize]
}
