//! What a placeholder stands for, as far as that is known without opening anything.

use std::collections::BTreeMap;

use towpath_core::{
    config::{Piece, Scope},
    names::DatabaseName,
};

/// What a placeholder that names no key stands for.
pub fn said(
    piece: &Piece,
    scope: Scope<'_>,
    databases: &BTreeMap<DatabaseName, String>,
) -> Option<String> {
    let environment = scope.environment;
    match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::Key(_) => None,
        Piece::Resource { name, field } => {
            let resource = environment.resources.get(name)?;
            match field.as_str() {
                "id" => resource.id.clone(),
                "link" => resource.link.clone(),
                "kind" => resource.kind.clone(),
                "title" => resource.title.clone(),
                "description" => resource.description.clone(),
                "owner" => resource.owner.clone(),
                _ => resource.endpoint.clone(),
            }
        }
        Piece::Database(name) => databases.get(name.as_str()).cloned(),
        Piece::Environment(field) => match field.as_str() {
            "name" => Some(environment.name.to_string()),
            "group" => environment.group.as_ref().map(ToString::to_string),
            _ => environment.url.clone(),
        },
        Piece::Project => Some(scope.manifest.project.to_string()),
    }
}

/// A value as it is written.
pub fn template(pieces: &[Piece]) -> String {
    pieces.iter().map(Piece::shown).collect()
}
