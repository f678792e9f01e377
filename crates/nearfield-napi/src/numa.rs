//! Nodes of memory: which processors are near to which, as Linux tells it, and threads tied to them.
//!
//! ```text
//! /sys/devices/system/node/node0/cpulist   "0-3,8-11"  ─┐ less those this process may not use
//!                          node1/cpulist   "4-7,12-15" ─┴► threads 0, 1 │ 2, 3: neighbours share a node
//! ```
//! Invariant: where there are fewer than two nodes with processors of ours nothing is done. What cannot be
//! read counts as one node: this makes things faster, never possible.

use std::path::Path;

/// Processors of the nodes that have some.
#[derive(Debug, PartialEq, Eq)]
pub struct Nodes(Vec<Vec<usize>>);

impl Nodes {
    /// This machine's, as far as the process may use them.
    pub fn here() -> Self {
        Self::read(Path::new("/sys/devices/system/node"), &allowed())
    }

    /// The nodes described in a folder; `allowed` says which processors count, all where it is empty.
    fn read(folder: &Path, allowed: &[usize]) -> Self {
        let mut nodes = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("node"));
            let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) else {
                continue;
            };
            let list = std::fs::read_to_string(entry.path().join("cpulist")).unwrap_or_default();
            let mut cpus = cpu_list(&list);
            cpus.retain(|cpu| allowed.is_empty() || allowed.contains(cpu));
            if !cpus.is_empty() {
                nodes.push((number, cpus));
            }
        }
        nodes.sort();
        Self(nodes.into_iter().map(|(_, cpus)| cpus).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The processors of thread `at` of `threads`: a node has as many threads as it has of the processors.
    pub fn of_thread(&self, at: usize, threads: usize) -> &[usize] {
        let cpus: usize = self.0.iter().map(Vec::len).sum();
        let mut place = at * cpus / threads.max(1);
        for node in &self.0 {
            if place < node.len() {
                return node;
            }
            place -= node.len();
        }
        &[]
    }
}

/// `0-3,8` as numbers; what is none is left out.
fn cpu_list(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (last < CPUS_MAX).then_some(first..=last)
    };
    let parts = text.trim().split(',');
    parts
        .filter_map(|part| range(part.trim()))
        .flatten()
        .collect()
}

/// Processors a set of the system's can name.
const CPUS_MAX: usize = 1024;

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CPUS_MAX).filter(|&cpu| set.is_set(cpu)).collect()
}

/// Ties the calling thread to these processors; whether the system did.
#[cfg(target_os = "linux")]
pub fn tie(cpus: &[usize]) -> bool {
    let mut set = rustix::thread::CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    Vec::new()
}

/// Other systems have no such call, or no such nodes.
#[cfg(not(target_os = "linux"))]
pub fn tie(_: &[usize]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as Linux has it, of files that are gone with it.
    struct Tree(std::path::PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = folder.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn lists_of_processors_are_read_and_faults_left_out() {
        assert_eq!(cpu_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(cpu_list("5"), [5]);
        for text in [
            "",
            "\n",
            "x",
            "3-",
            "-3",
            "4-2",
            "0-99999999999",
            "99999999999999999999",
        ] {
            assert_eq!(cpu_list(text), [] as [usize; 0], "{text:?}");
        }
    }

    #[test]
    fn two_sockets_share_the_threads() {
        let tree = Tree::new(
            "two",
            &[
                ("node1/cpulist", "4-7,12-15\n"),
                ("node0/cpulist", "0-3,8-11\n"),
                ("online", "0-1\n"),
                ("possible", "0-1\n"),
            ],
        );
        let nodes = Nodes::read(&tree.0, &[]);
        assert_eq!(nodes.count(), 2);
        let near = |at, threads| nodes.of_thread(at, threads)[0];
        assert_eq!([0, 1, 2, 3].map(|at| near(at, 4)), [0, 0, 4, 4]);
        assert_eq!([0, 1, 2].map(|at| near(at, 3)), [0, 0, 4]);
        assert_eq!([0, 1].map(|at| near(at, 2)), [0, 4]);
        assert_eq!(near(0, 1), 0);
        assert_eq!((0..16).filter(|&at| near(at, 16) == 4).count(), 8);
        assert_eq!((0..40).filter(|&at| near(at, 40) == 4).count(), 20);
    }

    /// Memory without processors, processors that are not ours, ten nodes in the order of their numbers.
    #[test]
    fn only_nodes_with_processors_of_ours_count() {
        let tree = Tree::new(
            "ours",
            &[
                ("node0/cpulist", "0-1"),
                ("node2/cpulist", "2-3"),
                ("node10/cpulist", "4-5"),
                ("node11/cpulist", "\n"),
                ("nodex/cpulist", "6"),
            ],
        );
        assert_eq!(
            Nodes::read(&tree.0, &[]),
            Nodes(vec![vec![0, 1], vec![2, 3], vec![4, 5]])
        );
        assert_eq!(
            Nodes::read(&tree.0, &[1, 4, 5]),
            Nodes(vec![vec![1], vec![4, 5]])
        );
        assert_eq!(Nodes::read(&tree.0, &[1]).count(), 1);
        assert_eq!(Nodes::read(&tree.0.join("nothing"), &[]).count(), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_is_tied_to_what_it_may_use() {
        std::thread::spawn(|| {
            let may = allowed();
            assert!(!may.is_empty());
            assert!(tie(&may[..1]));
            assert_eq!(allowed(), &may[..1]);
            assert!(!tie(&[]));
        })
        .join()
        .unwrap();
    }
}
