//! The architecture, checked against the source: imports point downwards through the rooms of `src/lib.rs`, and no two files
//! import each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// A module's path from the crate's root: `["data", "batch"]`.
type ModulePath = Vec<String>;

/// One source file, without its tests.
struct SourceFile {
    path: PathBuf,
    /// What it imports or names, as paths from the crate's root.
    uses: Vec<ModulePath>,
    /// Names that it makes known from elsewhere, each with its path from the crate's root; `*` for a glob.
    exports: Vec<(String, ModulePath)>,
    /// Names of items that it defines.
    items: BTreeSet<String>,
}

struct Architecture {
    files: BTreeMap<ModulePath, SourceFile>,
}

impl Architecture {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = vec![];
        find(&src, &mut paths);
        let modules: BTreeSet<ModulePath> = paths.iter().map(|path| module_of(path, &src)).collect();
        let read = |path: PathBuf| {
            let module = module_of(&path, &src);
            let parsed = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut reader =
                Reader { module: &module, modules: &modules, uses: vec![], exports: vec![], items: BTreeSet::new() };
            reader.visit_file(&parsed);
            let Reader { uses, exports, items, .. } = reader;
            (module.clone(), SourceFile { path: path.strip_prefix(&src).unwrap().into(), uses, exports, items })
        };
        Self { files: paths.into_iter().map(read).collect() }
    }

    /// The module that defines what `path` names.
    fn defining(&self, path: &[String], depth: usize) -> ModulePath {
        let mut module = vec![];
        for (index, name) in path.iter().enumerate() {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.files.contains_key(&child) {
                module = child;
                continue;
            }
            let Some(file) = self.files.get(&module) else { return module };
            let exported = file.exports.iter().find(|(exported, _)| exported == name).map(|(_, target)| target.clone());
            let from_glob = || {
                let globs = file.exports.iter().filter(|(exported, _)| exported == "*");
                let mut targets = globs.map(|(_, target)| self.defining(target, depth + 1));
                targets.find(|target| self.files.get(target).is_some_and(|file| file.items.contains(name)))
            };
            if file.items.contains(name) || depth > 8 {
                return module;
            }
            return match exported.or_else(from_glob) {
                Some(target) => self.defining(&[&target[..], &path[index + 1..]].concat(), depth + 1),
                None => module,
            };
        }
        module
    }

    /// Every arrow from a file to another one that it uses.
    fn arrows(&self) -> BTreeMap<&ModulePath, BTreeSet<ModulePath>> {
        let targets = |(module, file): (&'_ ModulePath, &SourceFile)| {
            let used = file.uses.iter().map(|path| self.defining(path, 0));
            used.filter(|target| target != module && self.files.contains_key(target)).collect::<BTreeSet<_>>()
        };
        self.files.iter().map(|(module, file)| (module, targets((module, file)))).collect()
    }

    fn shown(&self, module: &ModulePath) -> String {
        self.files[module].path.display().to_string()
    }
}

/// Collects what a file uses, exports and defines.
struct Reader<'a> {
    module: &'a ModulePath,
    modules: &'a BTreeSet<ModulePath>,
    uses: Vec<ModulePath>,
    exports: Vec<(String, ModulePath)>,
    items: BTreeSet<String>,
}

impl Reader<'_> {
    /// The path from the crate's root, if `path` names something of this crate.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let parent = || self.module.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([&self.module[..], rest].concat()),
            "super" if rest.first().is_some_and(|next| next == "super") => None,
            "super" => Some([&parent()[..], rest].concat()),
            _ => {
                let child = [&self.module[..], std::slice::from_ref(first)].concat();
                self.modules.contains(&child).then(|| [&self.module[..], path].concat())
            }
        }
    }

    fn read_use(&mut self, tree: &UseTree, path: &[String], is_public: bool) {
        let with = |name: &syn::Ident| [path, &[name.to_string()]].concat();
        let (target, name) = match tree {
            UseTree::Path(part) => return self.read_use(&part.tree, &with(&part.ident), is_public),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.read_use(tree, path, is_public));
            }
            UseTree::Name(name) if name.ident == "self" => (path.to_vec(), path.last().cloned().unwrap_or_default()),
            UseTree::Name(name) => (with(&name.ident), name.ident.to_string()),
            UseTree::Rename(rename) => (with(&rename.ident), rename.rename.to_string()),
            UseTree::Glob(_) => (path.to_vec(), "*".into()),
        };
        if let Some(target) = self.absolute(&target) {
            self.uses.push(target.clone());
            if is_public {
                self.exports.push((name, target));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_for_tests) {
            return;
        }
        if let Some(name) = name_of(item) {
            self.items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !module.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.read_use(&item.tree, &[], !matches!(item.vis, syn::Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.uses.extend(self.absolute(&names));
        }
        visit::visit_path(self, path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        _ => &[],
    }
}

/// Whether an attribute is `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Fn(it) => &it.sig.ident,
        Item::Struct(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        Item::Const(it) => &it.ident,
        Item::Static(it) => &it.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Adds the source files in `folder`, without those of tests.
fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `["data", "batch"]` of `src/data/batch.rs`, `["data"]` of `src/data/mod.rs`, `[]` of `src/lib.rs`.
fn module_of(path: &Path, src: &Path) -> ModulePath {
    let inside = path.strip_prefix(src).unwrap().with_extension("");
    let mut names: ModulePath = inside.iter().map(|name| name.to_str().unwrap().to_string()).collect();
    if names.last().is_some_and(|name| name == "mod") || names == ["lib"] {
        names.pop();
    }
    names
}

/// The rooms of the table in `src/lib.rs`, from the top down.
fn rooms() -> Vec<String> {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | ")?.split('`').nth(1).map(str::to_string));
    rows.collect()
}

#[test]
fn rooms_of_the_map_are_those_of_the_source() {
    let architecture = Architecture::read();
    let found: BTreeSet<String> = architecture.files.keys().filter_map(|module| module.first().cloned()).collect();
    assert_eq!(rooms().into_iter().collect::<BTreeSet<_>>(), found);
}

#[test]
fn imports_point_from_upper_rooms_to_lower_ones() {
    let (architecture, rooms) = (Architecture::read(), rooms());
    let floor = |module: &ModulePath| rooms.iter().position(|room| Some(room) == module.first());
    let mut upward = vec![];
    for (module, targets) in architecture.arrows() {
        for target in targets {
            // The root only says which rooms there are; the crate's one error is re-exported there.
            if module.is_empty() || target.is_empty() {
                continue;
            }
            if floor(module) > floor(&target) {
                upward.push(format!("{} imports {}", architecture.shown(module), architecture.shown(&target)));
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn files_do_not_import_each_other_directly_or_through_others() {
    let architecture = Architecture::read();
    let mut arrows = architecture.arrows();
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 300, "the arrows are found");
    // Take away files that import none of those that are left, until there are none, or only circles.
    loop {
        let free: Vec<ModulePath> =
            arrows.iter().filter(|(_, targets)| targets.is_empty()).map(|(module, _)| (*module).clone()).collect();
        if free.is_empty() {
            break;
        }
        arrows.retain(|module, _| !free.contains(module));
        arrows.values_mut().for_each(|targets| targets.retain(|target| !free.contains(target)));
    }
    let left = |(module, targets): (&ModulePath, BTreeSet<ModulePath>)| {
        let targets: Vec<String> = targets.iter().map(|target| architecture.shown(target)).collect();
        format!("{} imports {}", architecture.shown(module), targets.join(", "))
    };
    let circles: Vec<String> = arrows.into_iter().map(left).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn source_renames_files_by_tempfile_alone_and_never_a_folder() {
    // Windows renames no folder in which a file is open, as a run's lock is. `tempfile` renames files on all systems.
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![];
    find(&src, &mut paths);
    let renames = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("fs::rename(");
    let found: Vec<_> = paths.iter().filter(|path| renames(path)).collect();
    assert!(found.is_empty(), "{found:?}");
    let file = fs::read_to_string(src.join("run/file.rs")).unwrap();
    assert!(file.contains(".persist("), "the check knows how files are renamed");
}
