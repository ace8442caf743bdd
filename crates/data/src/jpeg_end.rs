//! Whether a JPEG file ends before its picture does, which its decoder fills up with grey.

/// Whether the file was cut: it has no end marker (ITU-T T.81, B.1.1.3), and what follows its last byte would change the
/// picture, or a scan is missing. `decode` gives the pixels of a file, if it can.
///
/// A file that lacks nothing but its end marker was not.
pub(crate) fn ends_early<P: PartialEq>(bytes: &[u8], decode: impl Fn(&[u8]) -> Option<P>) -> bool {
    match Structure::of(bytes) {
        Structure::Ended => false,
        Structure::Cut => true,
        Structure::Unended => {
            // Two continuations that differ in every bit: pixels that are all there depend on neither.
            let whole = without_zeros(bytes);
            let [first, second] = [0, u8::MAX].map(|mask| decode(&continued(whole, mask)));
            first.is_none() || first != second
        }
    }
}

/// How far the markers of a file lead.
#[derive(Debug, PartialEq)]
enum Structure {
    /// To the end marker.
    Ended,
    /// To the end of the file, with all scans begun.
    Unended,
    /// Into a header, or to the end of the file with scans missing.
    Cut,
}

impl Structure {
    fn of(bytes: &[u8]) -> Self {
        let mut scans = Scans::default();
        let mut rest = bytes;
        while let Some((marker, after)) = next_marker(rest) {
            rest = match marker {
                END => return Self::Ended,
                // They stand alone: the start, restarts, and one for private use.
                0x01 | 0xd0..=0xd8 => after,
                _ => {
                    let Some((segment, after)) = segment(after) else { return Self::Cut };
                    match marker {
                        // All of C0 to CF but tables.
                        0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => scans.frame(segment),
                        SCAN => scans.add(segment),
                        _ => {}
                    }
                    after
                }
            };
        }
        if scans.complete() { Self::Unended } else { Self::Cut }
    }
}

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// The next marker and what follows it. Between markers lies a scan's data, where 0 follows each byte 0xFF.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut pairs = bytes.windows(2).enumerate();
    let (at, pair) = pairs.find(|(_, pair)| pair[0] == 0xff && ![0, 0xff].contains(&pair[1]))?;
    Some((pair[1], &bytes[at + 2..]))
}

/// A marker's segment, without its length, and what follows it.
fn segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
    (length >= 2 && length <= bytes.len()).then(|| (&bytes[2..length], &bytes[length..]))
}

/// The coefficients that the scans of a file hold to their last bit.
#[derive(Default)]
struct Scans {
    /// Of each component its name and its coefficients.
    components: Vec<(u8, [bool; 64])>,
}

impl Scans {
    fn frame(&mut self, header: &[u8]) {
        let names = header.get(6..).unwrap_or_default().chunks_exact(3).map(|component| component[0]);
        self.components = names.map(|name| (name, [false; 64])).collect();
    }

    fn add(&mut self, header: &[u8]) {
        let Some((&count, rest)) = header.split_first() else { return };
        let Some((names, &[first, last, approximation, ..])) = rest.split_at_checked(2 * usize::from(count))
        else {
            return;
        };
        if approximation & 0xf != 0 {
            return;
        }
        for (name, coefficients) in &mut self.components {
            if names.iter().step_by(2).any(|other| other == name) {
                let range = usize::from(first).min(63)..=usize::from(last).min(63);
                coefficients.iter_mut().take(range.end() + 1).skip(*range.start()).for_each(|it| *it = true);
            }
        }
    }

    fn complete(&self) -> bool {
        !self.components.is_empty() && self.components.iter().all(|(_, all)| all.iter().all(|it| *it))
    }
}

/// What stands before zeros that fill a file up to its announced length; a scan ends in ones.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    // A 0 after 0xFF belongs to it; 0xFF alone is half a marker.
    match bytes[..end].last() {
        Some(0xff) if end < bytes.len() => &bytes[..=end],
        Some(0xff) => &bytes[..end - 1],
        _ => &bytes[..end],
    }
}

/// The file with a scan's data of no meaning after it, and an end marker. No byte of them is 0 or 0xFF, whatever the mask.
fn continued(bytes: &[u8], mask: u8) -> Vec<u8> {
    let noise = (0..512_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as u8);
    let noise = noise.map(|byte| if [0, 0xff].contains(&byte) { 0x5a } else { byte } ^ mask);
    bytes.iter().copied().chain(noise).chain([0xff, END]).collect()
}
