//! Files of the same formats that are not encrypted: their values, by their paths.

use secrecy::SecretString;

use super::{
    Format, SopsError, Value,
    sealed::tree,
    tree::{Element, Item, Node, Raw},
};

/// The values of a file that is not encrypted, in its order, each with its path. The elements of a list have the list's path; what is
/// nothing is left out.
pub fn plain(bytes: &[u8], format: Format) -> Result<Vec<(Vec<String>, SecretString)>, SopsError> {
    let (root, _) = tree(bytes, format)?;
    let mut found = Vec::new();
    collect(&root, &mut Vec::new(), &mut found);
    Ok(found)
}

fn collect(node: &Node<Raw>, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, SecretString)>) {
    match node {
        Node::Leaf(raw) => {
            let text = Value::from(raw).text();
            found.extend(text.map(|text| (path.clone(), text)));
        }
        Node::Map(items) => {
            for item in items {
                if let Item::Entry(key, node) = item {
                    path.push(key.clone());
                    collect(node, path, found);
                    path.pop();
                }
            }
        }
        Node::List(elements) => {
            for element in elements {
                if let Element::Node(node) = element {
                    collect(node, path, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn shown(text: &str, format: Format) -> Vec<String> {
        let found = plain(text.as_bytes(), format).unwrap();
        let one = |(path, value): &(Vec<String>, SecretString)| {
            format!("{}={}", path.join("."), value.expose_secret())
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn values_have_the_paths_that_they_stand_at() {
        let yaml = "A: one # a comment\nb:\n  C: 2\n  D: null\n  E: [x, y]\n";
        assert_eq!(
            shown(yaml, Format::Yaml),
            ["A=one", "b.C=2", "b.E=x", "b.E=y"]
        );
        let json = r#"{"A": "one", "b": {"C": true}}"#;
        assert_eq!(shown(json, Format::Json), ["A=one", "b.C=true"]);
        assert!(plain(b"[", Format::Json).is_err());
    }
}
