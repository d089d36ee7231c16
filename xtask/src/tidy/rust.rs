//! Rules on Rust code, by its tokens.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::visit::Visit;

use crate::tidy::{Finding, Rule, SourceFile, Weight};

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 800;

/// Lines of a function from which on a concept probably lacks a name.
const FUNCTION_LINES_NOTED: usize = 71;

/// Lines of a function from which on it certainly does.
const FUNCTION_LINES_OVER: usize = 101;

/// The one module of each shell that reads the local clock.
const CLOCKS: &[&str] = &[
    "client/src/clock.rs",
    "keys-tool/src/clock.rs",
    "server/src/clock.rs",
    "xtask/src/clock.rs",
];

/// Where unsafe code may stand: board drivers and what is linked into them.
const BOARDS: &str = "integration/boards/";

/// The crate that is nothing but tests; it may read clocks, and forge what shells may only earn.
const TEST_CRATE: &str = "integration/";

/// The constructor by which a proof crosses from one core into another.
const ASSERTION: &str = "assertion";

/// What a mention of an assertion constructor is.
#[derive(Clone, Default)]
struct Crossing {
    declared: Vec<(String, usize)>,
    called: Vec<(String, usize)>,
}

pub fn check<'a>(files: impl Iterator<Item = &'a SourceFile>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut crossings = BTreeMap::new();
    for file in files {
        match syn::parse_file(&file.text) {
            Ok(syntax) => findings.extend(check_file(file, syntax, &mut crossings)),
            Err(error) => {
                let text = format!("does not parse: {error}");
                findings.push(file.error(Rule::NotRust, error.span().start().line, text));
            }
        }
    }
    findings.extend(
        crossings
            .iter()
            .filter_map(|(proof, crossing)| wrong_crossing(proof, crossing)),
    );
    findings
}

fn check_file(file: &SourceFile, syntax: syn::File, crossings: &mut BTreeMap<String, Crossing>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let everything = flatten(syntax.to_token_stream());
    for (line, name) in macros(&everything, &["todo", "unimplemented"]) {
        findings.push(file.error(
            Rule::Unfinished,
            line,
            format!("`{name}!`: unfinished work is not committed"),
        ));
    }
    let is_unsafe = |token: &&TokenTree| word(token).is_some_and(|word| word == "unsafe");
    if !file.path.starts_with(BOARDS)
        && let Some(token) = everything.iter().find(is_unsafe)
    {
        findings.push(file.error(
            Rule::UnsafeCode,
            line_of(token),
            "unsafe code stands only in integration/boards",
        ));
    }

    let mut lengths = FunctionLengths {
        file,
        findings: Vec::new(),
        is_test: file.is_test(),
    };
    lengths.visit_file(&syntax);
    findings.extend(lengths.findings);
    if file.is_test() {
        return findings;
    }
    if let Some(finding) = file_length(file, &syntax) {
        findings.push(finding);
    }
    let items: Vec<syn::Item> = syntax.items.into_iter().filter(|item| !is_for_tests(item)).collect();
    let code = flatten(items.iter().map(|item| item.to_token_stream()).collect());
    if file.path.starts_with(TEST_CRATE) {
        return findings;
    }
    if !CLOCKS.contains(&file.path.as_str()) {
        for line in paths(&code, "SystemTime", "now") {
            let text = format!(
                "the local clock is read in one module of each shell: {}",
                CLOCKS.join(", ")
            );
            findings.push(file.error(Rule::Clock, line, text));
        }
    }
    collect_crossings(file, &items, &code, crossings);
    findings
}

/// The length of a file is what stands before its first test module.
fn file_length(file: &SourceFile, syntax: &syn::File) -> Option<Finding> {
    let first_test = syntax
        .items
        .iter()
        .filter(|item| is_for_tests(item))
        .map(|item| item.span().start().line)
        .min();
    let lines = first_test.map_or(file.text.lines().count(), |line| line.saturating_sub(1));
    let text = format!("{lines} lines before its tests, {FILE_LINES_MAX} at most: a concept is missing a name");
    (lines > FILE_LINES_MAX).then(|| file.error(Rule::FileLength, FILE_LINES_MAX, text))
}

struct FunctionLengths<'a> {
    file: &'a SourceFile,
    findings: Vec<Finding>,
    is_test: bool,
}

impl FunctionLengths<'_> {
    fn measure(&mut self, name: &syn::Ident, block: &syn::Block) {
        let (first, last) = (name.span().start().line, block.brace_token.span.close().end().line);
        let lines = last.saturating_sub(first) + 1;
        // A test that tells a long story or holds a table of cases may be long; it is still said.
        let weight = match lines {
            FUNCTION_LINES_OVER.. if !self.is_test => Weight::Error,
            FUNCTION_LINES_OVER.. => Weight::Note,
            FUNCTION_LINES_NOTED.. if !self.is_test => Weight::Note,
            _ => return,
        };
        let text = format!("`{name}` has {lines} lines (70 are enough, 100 the most)");
        self.findings
            .push(self.file.finding(Rule::FunctionLength, weight, first, text));
    }
}

impl<'ast> Visit<'ast> for FunctionLengths<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig.ident, block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let outside = self.is_test;
        self.is_test |= is_test_module(module);
        syn::visit::visit_item_mod(self, module);
        self.is_test = outside;
    }
}

/// Files declare a proof's constructor (`impl VerifiedImage { fn assertion … }`) and call it (`VerifiedImage::assertion(…)`).
fn collect_crossings(
    file: &SourceFile,
    items: &[syn::Item],
    code: &[TokenTree],
    crossings: &mut BTreeMap<String, Crossing>,
) {
    let mut declarations = Declarations { of: Vec::new() };
    items.iter().for_each(|item| declarations.visit_item(item));
    for (proof, line) in declarations.of {
        crossings
            .entry(proof)
            .or_default()
            .declared
            .push((file.path.clone(), line));
    }
    for (index, token) in code.iter().enumerate() {
        if word(token).as_deref() != Some(ASSERTION) {
            continue;
        }
        let before = |back: usize| index.checked_sub(back).and_then(|at| code.get(at));
        if before(1).is_some_and(is_colon)
            && before(2).is_some_and(is_colon)
            && let Some(proof) = before(3).and_then(word)
        {
            crossings
                .entry(proof)
                .or_default()
                .called
                .push((file.path.clone(), line_of(token)));
        }
    }
}

/// Which types declare an assertion constructor: the `impl` whose block the function stands in.
struct Declarations {
    of: Vec<(String, usize)>,
}

impl<'ast> Visit<'ast> for Declarations {
    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        for member in &block.items {
            if let syn::ImplItem::Fn(function) = member
                && function.sig.ident == ASSERTION
                && let syn::Type::Path(proof) = &*block.self_ty
                && let Some(segment) = proof.path.segments.last()
            {
                self.of
                    .push((segment.ident.to_string(), function.sig.ident.span().start().line));
            }
        }
        syn::visit::visit_item_impl(self, block);
    }
}

fn wrong_crossing(proof: &str, crossing: &Crossing) -> Option<Finding> {
    let (path, line) = crossing.declared.first()?;
    if let [_] = crossing.called.as_slice() {
        return None;
    }
    let places: Vec<String> = crossing
        .called
        .iter()
        .map(|(path, line)| format!("{path}:{line}"))
        .collect();
    let text = format!(
        "`{proof}::{ASSERTION}` has {} call sites, and must have one: {}",
        places.len(),
        places.join(", ")
    );
    Some(Finding {
        rule: Rule::Assertion,
        weight: Weight::Error,
        path: path.clone(),
        line: *line,
        text,
    })
}

fn is_for_tests(item: &syn::Item) -> bool {
    matches!(item, syn::Item::Mod(module) if is_test_module(module))
}

fn is_test_module(module: &syn::ItemMod) -> bool {
    let is_test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg") && attribute.meta.to_token_stream().to_string().replace(' ', "") == "cfg(test)"
    };
    module.attrs.iter().any(is_test)
}

/// All tokens in order, with those of groups between the tokens around them.
fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let inside = group.stream();
            flat.push(token);
            flat.extend(flatten(inside));
        } else {
            flat.push(token);
        }
    }
    flat
}

fn word(token: &TokenTree) -> Option<String> {
    if let TokenTree::Ident(word) = token {
        Some(word.to_string())
    } else {
        None
    }
}

fn is_colon(token: &TokenTree) -> bool {
    is_punctuation(token, ':')
}

fn is_punctuation(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn line_of(token: &TokenTree) -> usize {
    token.span().start().line
}

/// Lines where a path ends in `first::second`.
fn paths(code: &[TokenTree], first: &str, second: &str) -> Vec<usize> {
    let is = |token: &TokenTree, wanted: &str| word(token).is_some_and(|word| word == wanted);
    let windows = code.windows(4);
    let matching = windows
        .filter(|tokens| matches!(tokens, [a, b, c, d] if is(a, first) && is_colon(b) && is_colon(c) && is(d, second)));
    matching.filter_map(|tokens| tokens.first().map(line_of)).collect()
}

/// Lines where one of these macros is called.
fn macros(code: &[TokenTree], names: &[&str]) -> Vec<(usize, String)> {
    let calls = code
        .windows(2)
        .filter(|tokens| matches!(tokens, [_, mark] if is_punctuation(mark, '!')));
    let named = calls.filter_map(|tokens| tokens.first().and_then(|token| Some((line_of(token), word(token)?))));
    named.filter(|(_, name)| names.contains(&name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::broken;

    fn lines(count: usize) -> String {
        "\n".repeat(count)
    }

    #[test]
    fn file_is_as_long_as_what_stands_before_its_tests() {
        let long = format!("{}struct A;\n", lines(FILE_LINES_MAX));
        assert_eq!(broken("client/src/a.rs", &long), [Rule::FileLength]);
        assert_eq!(broken("client/tests/a.rs", &long), []);
        let tested = format!("struct A;\n#[cfg(test)]\nmod tests {{\n{}}}\n", lines(FILE_LINES_MAX));
        assert_eq!(broken("client/src/a.rs", &tested), []);
    }

    #[test]
    fn long_function_is_noted_and_a_longer_one_is_an_error() {
        let weights = |text: &str| {
            let file = SourceFile {
                path: "client/src/a.rs".into(),
                text: text.into(),
            };
            check(std::iter::once(&file))
                .iter()
                .map(|finding| finding.weight)
                .collect::<Vec<_>>()
        };
        let function = |count: usize| format!("impl A {{ fn f() {{{}}} }}", lines(count - 1));
        let in_tests = |count: usize| format!("#[cfg(test)] mod tests {{ {} }}", function(count));
        assert_eq!(weights(&function(70)), []);
        assert_eq!(weights(&function(71)), [Weight::Note]);
        assert_eq!(weights(&function(100)), [Weight::Note]);
        assert_eq!(weights(&function(101)), [Weight::Error]);
        assert_eq!(weights(&in_tests(100)), []);
        assert_eq!(weights(&in_tests(101)), [Weight::Note]);
    }

    #[test]
    fn clock_is_read_in_one_module_of_a_shell() {
        let reads = "fn f() { std::time::SystemTime::now(); }";
        assert_eq!(broken("server/src/publish.rs", reads), [Rule::Clock]);
        assert_eq!(broken("server/src/clock.rs", reads), []);
        assert_eq!(broken("server/tests/http.rs", reads), []);
        assert_eq!(
            broken("server/src/a.rs", &format!("#[cfg(test)] mod tests {{ {reads} }}")),
            []
        );
        assert_eq!(
            broken(
                "server/src/a.rs",
                "// SystemTime::now\nconst A: &str = \"SystemTime::now()\";"
            ),
            []
        );
    }

    #[test]
    fn proof_crosses_at_one_place() {
        let declared = "impl Proof { pub fn assertion() -> Proof { Proof } }";
        let called = "fn f() { use_it(Proof::assertion()); }";
        assert_eq!(broken("a/src/a.rs", declared), [Rule::Assertion], "none");
        assert_eq!(broken("a/src/a.rs", &format!("{declared} {called}")), []);
        assert_eq!(
            broken("a/src/a.rs", &format!("{declared} {called} {called}")),
            [Rule::Assertion],
            "two"
        );
        let hidden = "fn f() { assert!(matches(a::Proof::assertion)); }";
        assert_eq!(
            broken("a/src/a.rs", &format!("{declared} {called} {hidden}")),
            [Rule::Assertion],
            "in a macro"
        );
        assert_eq!(
            broken(
                "a/src/a.rs",
                &format!("{declared} {called} #[cfg(test)] mod tests {{ {called} }}")
            ),
            []
        );
    }

    #[test]
    fn unsafe_code_stands_only_in_boards() {
        let code = "fn f() { unsafe { g() } }";
        assert_eq!(broken("client/src/a.rs", code), [Rule::UnsafeCode]);
        assert_eq!(broken("client/tests/a.rs", code), [Rule::UnsafeCode]);
        assert_eq!(broken("integration/boards/m0/src/nvmc.rs", code), []);
        assert_eq!(broken("client/src/a.rs", "#![forbid(unsafe_code)] // unsafe"), []);
    }

    #[test]
    fn unfinished_work_is_found_and_named_in_text_it_is_not() {
        assert_eq!(broken("client/src/a.rs", "fn f() { todo!() }"), [Rule::Unfinished]);
        assert_eq!(
            broken("client/tests/a.rs", "fn f() { g(unimplemented!(\"later\")) }"),
            [Rule::Unfinished]
        );
        assert_eq!(broken("client/src/a.rs", "fn f() { g(\"todo!()\") } // todo!()"), []);
    }

    #[test]
    fn broken_code_is_said_to_be() {
        assert_eq!(broken("client/src/a.rs", "fn f( {"), [Rule::NotRust]);
    }
}
