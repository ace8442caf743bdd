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
            // Continuations of all kinds: pixels that are all there depend on none.
            let whole = without_zeros(bytes);
            let first = decode(&continued(whole, 0));
            first.is_none() || (1..CONTINUATIONS).any(|number| decode(&continued(whole, number)) != first)
        }
    }
}

/// How many continuations are tried; every other one differs from that before it in every bit.
const CONTINUATIONS: u32 = 8;

/// How far the markers of a file lead.
#[derive(Debug, PartialEq)]
enum Structure {
    /// To the end marker.
    Ended,
    /// To the end of the file, with all scans begun.
    Unended,
    /// Into a header, or to the end of the file with scans or restarts missing.
    Cut,
}

impl Structure {
    fn of(bytes: &[u8]) -> Self {
        let mut scans = Scans::default();
        let mut rest = bytes;
        while let Some((marker, after)) = next_marker(rest) {
            rest = match marker {
                END => return Self::Ended,
                0xd0..=0xd7 => {
                    scans.restarts += 1;
                    after
                }
                // They stand alone: the start, and one for private use.
                0x01 | 0xd8 => after,
                _ => {
                    let Some((segment, after)) = segment(after) else { return Self::Cut };
                    match marker {
                        // All of C0 to CF but tables.
                        0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => scans.frame(segment),
                        SCAN => scans.add(segment),
                        INTERVAL => {
                            scans.interval = segment.first_chunk().map_or(0, |&i| u16::from_be_bytes(i))
                        }
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
const INTERVAL: u8 = 0xdd;

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

/// The scans of a file as far as they were begun.
#[derive(Default)]
struct Scans {
    height: usize,
    width: usize,
    components: Vec<Component>,
    /// Units between restarts; none if 0.
    interval: u16,
    /// Restarts of the last scan.
    restarts: usize,
    /// Those that it must have.
    expected: usize,
}

struct Component {
    name: u8,
    /// Samples across and down in a unit of all components.
    sampling: [usize; 2],
    /// The coefficients that scans hold to the last bit.
    coefficients: [bool; 64],
}

impl Scans {
    fn frame(&mut self, header: &[u8]) {
        let Some((&[_, h1, h2, w1, w2, _], components)) = header.split_first_chunk() else { return };
        self.height = u16::from_be_bytes([h1, h2]).into();
        self.width = u16::from_be_bytes([w1, w2]).into();
        let component = |&[name, sampling, _]: &[u8; 3]| Component {
            name,
            sampling: [sampling >> 4, sampling & 15].map(|samples| usize::from(samples).max(1)),
            coefficients: [false; 64],
        };
        self.components = components.as_chunks().0.iter().map(component).collect();
    }

    fn add(&mut self, header: &[u8]) {
        let Some((&count, rest)) = header.split_first() else { return };
        let Some((names, &[first, last, approximation, ..])) = rest.split_at_checked(2 * usize::from(count))
        else {
            return;
        };
        self.restarts = 0;
        self.expected = match self.interval {
            0 => 0,
            interval => self.units(names).div_ceil(interval.into()).saturating_sub(1),
        };
        let range = usize::from(first).min(63)..=usize::from(last).min(63);
        for component in &mut self.components {
            if approximation & 15 == 0 && names.iter().step_by(2).any(|name| *name == component.name) {
                component.coefficients.get_mut(range.clone()).into_iter().for_each(|them| them.fill(true));
            }
        }
    }

    /// The units that a scan of these components is coded in: blocks of one, or blocks of all side by side (A.2).
    fn units(&self, names: &[u8]) -> usize {
        let most = |axis: usize| self.components.iter().map(|it| it.sampling[axis]).max().unwrap_or(1);
        let single = self.components.iter().find(|it| names.len() == 2 && names[0] == it.name);
        let units = |axis: usize, pixels: usize| match single {
            Some(component) => (pixels * component.sampling[axis]).div_ceil(most(axis)).div_ceil(8),
            None => pixels.div_ceil(8 * most(axis)),
        };
        units(0, self.width) * units(1, self.height)
    }

    fn complete(&self) -> bool {
        let all = |component: &Component| component.coefficients.iter().all(|held| *held);
        !self.components.is_empty() && self.components.iter().all(all) && self.restarts >= self.expected
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

/// The file with a scan's data of no meaning after it, and an end marker. No byte of these data is 0 or 0xFF.
fn continued(bytes: &[u8], number: u32) -> Vec<u8> {
    let mask = if number.is_multiple_of(2) { 0 } else { u8::MAX };
    let seed = number / 2 * 512;
    let noise = (seed..seed + 512).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as u8);
    let noise = noise.map(|byte| if [0, 0xff].contains(&byte) { 0x5a } else { byte } ^ mask);
    bytes.iter().copied().chain(noise).chain([0xff, END]).collect()
}
