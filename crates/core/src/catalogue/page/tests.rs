use super::{super::tests::*, *};

fn page(manifest: &crate::manifest::Manifest) -> String {
    markdown(&document(manifest, None), Flavour::GitHub)
}

/// The manifest that the design shows.
const EXAMPLE: &str = include_str!("../../manifest/tests/example.toml");

#[test]
fn the_page_tells_what_is_done() {
    insta::assert_snapshot!(page(&manifest(EXAMPLE)));
}

#[test]
fn what_is_shared_is_marked() {
    let page = page(&manifest(SHARED));
    assert!(
        page.contains("| mail | – | – | `stg-mail` | – | platform | `MAIL_KEY` | local |"),
        "{page}"
    );
    assert!(
        page.contains("- **Database**: `main` is the one of `staging`"),
        "{page}"
    );
    assert!(
        page.contains("- **Used by**: `operator`, _end users_"),
        "{page}"
    );
}

#[test]
fn peoples_words_are_not_taken_for_markup() {
    let text = EXAMPLE.replace(
        "Authenticates our end users",
        "a | b <script> [x](y) `z` *w*\\n# h",
    );
    let page = page(&manifest(&text));
    assert!(
        page.contains(r"a \| b \<script\> \[x\](y) \`z\` \*w\* \# h"),
        "{page}"
    );
    let branch = EXAMPLE.replace("branch  = \"develop\"", "branch = \"a`\\\"b#c\"");
    let diagram = mermaid(&manifest(&branch));
    assert!(diagram.contains("a#96;#34;b#35;c"), "{diagram}");
}

#[test]
fn bars_end_no_cell_and_comments_end_no_page() {
    let text = EXAMPLE
        .replace("prd-id-123", "a|b")
        .replace("https://acme.okta.test", "https://acme.okta.test/?a|b>c")
        .replace("./scripts/integration.sh", "a | b '<!-- towpath:end -->'");
    let page = page(&manifest(&text));
    assert!(
        page.contains(r"| `a\|b` | [View](<https://acme.okta.test/?a&#124;b&#62;c>) |"),
        "{page}"
    );
    assert!(page.contains("`a | b '<!-- towpath:end -->'`"), "{page}");
    let first = put_into(None, &page).unwrap();
    assert_eq!(put_into(Some(&first), &page).unwrap(), first);
}

#[test]
fn a_line_that_begins_like_a_list_is_none() {
    for (said, written) in [
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("2) b", r"2\) b"),
        ("12 b", "12 b"),
        ("", ""),
    ] {
        assert_eq!(markdown::text(said), written);
    }
}

#[test]
fn what_people_write_is_kept() {
    let page = put_into(None, "one\n").unwrap();
    assert!(page.contains("\n\none\n\n<!-- towpath:end -->\n"), "{page}");
    let written = format!("# Ours\r\n\r\n{}tail é", page.replace('\n', "\r\n"));
    let again = put_into(Some(&written), "two\nlines\n").unwrap();
    assert!(
        again.starts_with("# Ours\r\n\r\n<!-- towpath:begin"),
        "{again}"
    );
    assert!(
        again.contains("\r\n\r\ntwo\r\nlines\r\n\r\n<!-- towpath:end -->\r\ntail é"),
        "{again:?}"
    );
    assert_eq!(put_into(Some(&again), "two\nlines\n").unwrap(), again);
    assert_eq!(put_into(Some("# Ours\n"), "x"), Err(MarkError::None));
    for broken in [
        "<!-- towpath:begin -->",
        "<!-- towpath:end --><!-- towpath:begin -->",
        "<!-- towpath:begin --><!-- towpath:begin --><!-- towpath:end -->",
    ] {
        assert_eq!(put_into(Some(broken), "x"), Err(MarkError::NotAPair));
    }
}
