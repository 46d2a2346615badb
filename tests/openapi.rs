//! `docs/openapi.json` describes the HTTP interface: made from the protos, whose JSON its messages are, and compared.
#![cfg(feature = "server")]

use geotopics::wire::proto::DESCRIPTORS;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PATH: &str = "docs/openapi.json";

/// The paths that are calls.
const CALLS: [(&str, &str, &str); 7] = [
    ("post", "/v1/classify", "ClassificationService.Classify"),
    ("post", "/v1/classify:batch", "ClassificationService.ClassifyBatch"),
    ("post", "/v1/explain", "ClassificationService.Explain"),
    ("get", "/v1/rulesets", "RulesetService.ListRulesets"),
    ("get", "/v1/rulesets/{name}", "RulesetService.GetRuleset"),
    ("post", "/v1/rulesets/{name}:reload", "RulesetService.ReloadRuleset"),
    ("post", "/v1/rulesets:check", "RulesetService.CheckRuleset"),
];

#[test]
fn the_document_describes_what_is_served() {
    let made = format!("{:#}\n", Protos::read().document());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, made).unwrap();
    } else {
        let written = std::fs::read_to_string(PATH).unwrap();
        assert!(
            written == made,
            "{PATH} is not up to date: UPDATE=1 cargo test --test openapi writes it anew"
        );
    }
}

/// What the protos define, each by its full name, such as `.geotopics.v1.Label`.
struct Protos {
    messages: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, EnumDescriptorProto>,
    /// The request and answer of each call, by `Service.Method`.
    calls: BTreeMap<String, (String, String)>,
    /// What the comment says above each message, field, value and call.
    comments: BTreeMap<String, String>,
}

impl Protos {
    fn read() -> Protos {
        let mut protos = Protos {
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
            calls: BTreeMap::new(),
            comments: BTreeMap::new(),
        };
        for file in FileDescriptorSet::decode(DESCRIPTORS).unwrap().file {
            let package = file.package().to_owned();
            let comments: BTreeMap<_, _> = file
                .source_code_info
                .iter()
                .flat_map(|info| &info.location)
                .map(|location| {
                    (location.path.clone(), location.leading_comments().trim().replace("\n ", " "))
                })
                .collect();
            // Field numbers of google/protobuf/descriptor.proto.
            let mut comment = |name: String, path: &[i32]| {
                protos.comments.insert(name, comments.get(path).cloned().unwrap_or_default());
            };
            for (i, message) in (0..).zip(file.message_type) {
                let name = format!(".{package}.{}", message.name());
                comment(name.clone(), &[4, i]);
                for (j, field) in (0..).zip(&message.field) {
                    comment(format!("{name}.{}", field.name()), &[4, i, 2, j]);
                }
                for nested in &message.nested_type {
                    protos.messages.insert(format!("{name}.{}", nested.name()), nested.clone());
                }
                protos.messages.insert(name, message);
            }
            for (i, kind) in (0..).zip(file.enum_type) {
                comment(format!(".{package}.{}", kind.name()), &[5, i]);
                protos.enums.insert(format!(".{package}.{}", kind.name()), kind);
            }
            for (i, service) in (0..).zip(&file.service) {
                for (j, call) in (0..).zip(&service.method) {
                    let name = format!("{}.{}", service.name(), call.name());
                    comment(name.clone(), &[6, i, 2, j]);
                    let messages = (call.input_type().to_owned(), call.output_type().to_owned());
                    protos.calls.insert(name, messages);
                }
            }
        }
        protos
    }

    fn document(&self) -> Value {
        let mut paths = Map::new();
        let (mut taken, mut told) = (BTreeSet::new(), BTreeSet::new());
        for (method, path, call) in CALLS {
            let (request, answer) = &self.calls[call];
            let (service, name) = call.split_once('.').unwrap();
            let mut operation = json!({
                "operationId": name,
                "tags": [service],
                "description": self.comments[call],
                "responses": {
                    "200": {
                        "description": self.comments[answer],
                        "content": { "application/json": { "schema": reference(answer) } },
                    },
                    "default": { "$ref": "#/components/responses/Error" },
                },
            });
            self.reach(answer, &mut told);
            if path.contains("{name}") {
                operation["parameters"] = json!([{
                    "name": "name",
                    "in": "path",
                    "required": true,
                    "description": self.comments[&format!("{request}.name")],
                    "schema": { "type": "string", "minLength": 1 },
                }]);
            } else if method == "post" {
                self.reach(request, &mut taken);
                operation["requestBody"] = json!({
                    "required": true,
                    "content": { "application/json": { "schema": reference(request) } },
                });
            }
            paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
        }
        paths.insert("/v1/classify:stream".to_owned(), json!({ "post": self.stream() }));
        paths.extend(life());

        let mut schemas: Map<String, Value> = Map::new();
        for name in taken.union(&told) {
            schemas.insert(short(name), self.schema(name, told.contains(name)));
        }
        // What the protos do not say.
        let words = |field: &str| json!({ "required": [field], "properties": { field: { "minLength": 1 } } });
        for request in ["ClassifyRequest", "ExplainRequest"] {
            schemas[request]["required"] = json!(["document"]);
            schemas[request]["properties"]["document"] =
                json!({ "allOf": [reference("Document"), { "anyOf": [words("title"), words("text")] }] });
        }
        schemas["ClassifyOptions"]["properties"]["min_score"]["minimum"] = json!(0);
        schemas["ClassifyOptions"]["properties"]["min_score"]["maximum"] = json!(1);
        let own = json!({ "properties": { "ruleset": { "const": "" } } });
        let options = &mut schemas["CheckRulesetRequest"]["properties"]["options"];
        *options = json!({ "allOf": [options.take(), { "anyOf": [own, { "type": "null" }] }] });
        schemas.insert("Line".to_owned(), line());
        schemas.insert("Status".to_owned(), status());
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "geotopics",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
                "description": "Labels news articles with geopolitical topics, each with a score and the words that prove it. \
                    The same calls as by gRPC: a body is the JSON of the call's request or response message (numbers may also be \
                    strings, as the JSON of protocol buffers has it). In a document, title or text \
                    must have words; unknown keys are errors.",
            },
            "security": [{}, { "token": [] }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "responses": {
                    "Error": {
                        "description": "What went wrong: google.rpc.Status, under the status of HTTP that its code maps to.",
                        "content": { "application/json": { "schema": reference("Status") } },
                    },
                },
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A token of the server's file, where it has one (geotopics token makes them).",
                    },
                },
            },
        })
    }

    /// The call that is lines in and lines out, with the options as parameters.
    fn stream(&self) -> Value {
        let options = ".geotopics.v1.ClassifyOptions";
        let parameters: Vec<Value> = self.messages[options].field.iter().map(|field| {
            let description = &self.comments[&format!("{options}.{}", field.name())];
            let schema = match field.r#type() {
                // The values without what all of them begin with.
                Type::Enum => {
                    let kind = &self.enums[field.type_name()];
                    let prefix = kind.value[0].name().trim_end_matches("UNSPECIFIED");
                    let values = kind.value.iter().skip(1);
                    json!({ "enum": values.map(|value| value.name()[prefix.len()..].to_lowercase()).collect::<Vec<_>>() })
                }
                _ => self.field(field),
            };
            json!({ "name": field.name(), "in": "query", "description": description, "schema": schema })
        }).collect();
        let lines = |what: &str| json!({ "application/x-ndjson": { "schema": { "type": "string", "description": what } } });
        json!({
            "operationId": "ClassifyStream",
            "tags": ["ClassificationService"],
            "description": "Classifies any number of documents: a line of JSON in, a line of JSON out, in the same order, while the \
                body still comes. The server reads on when its answers are taken. A line that is no document gets an error in its \
                place; an error without document_id after the last answer is that of the whole call.",
            "parameters": parameters,
            "requestBody": { "required": true, "content": lines("A Document a line; empty lines are left out.") },
            "responses": {
                "200": { "description": "What became of each document.", "content": lines("A Line a line.") },
                "default": { "$ref": "#/components/responses/Error" },
            },
        })
    }

    /// The messages and enums that a message has, itself included.
    fn reach(&self, name: &str, reached: &mut BTreeSet<String>) {
        // Written below, and into each field.
        if name.starts_with(".google") || !reached.insert(name.to_owned()) {
            return;
        }
        for field in self.messages.get(name).iter().flat_map(|message| &message.field) {
            match self.entry(field) {
                Some(value) => self.reach(value.type_name(), reached),
                None => self.reach(field.type_name(), reached),
            }
        }
        reached.remove("");
    }

    /// The value of a map.
    fn entry(&self, field: &FieldDescriptorProto) -> Option<&FieldDescriptorProto> {
        let entry = self.messages.get(field.type_name())?;
        entry.options.as_ref().is_some_and(|options| options.map_entry()).then(|| &entry.field[1])
    }

    /// A message or enum; where it is told by the server, every field is there that is no message of its own.
    fn schema(&self, name: &str, told: bool) -> Value {
        let description = &self.comments[name];
        if let Some(kind) = self.enums.get(name) {
            let values: Vec<&str> = kind.value.iter().map(|value| value.name()).collect();
            let mut forms = vec![json!({ "type": "string", "enum": values })];
            if !told {
                let numbers: Vec<i32> = kind.value.iter().map(|value| value.number()).collect();
                forms.push(json!({ "type": "integer", "enum": numbers }));
            }
            return json!({ "description": description, "anyOf": forms });
        }
        let message = &self.messages[name];
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in &message.field {
            let mut schema = self.field(field);
            if !told && field.r#type() == Type::Message && field.label() != Label::Repeated {
                schema = json!({ "anyOf": [schema, { "type": "null" }] });
            }
            schema["description"] = self.comments[&format!("{name}.{}", field.name())].clone().into();
            properties.insert(field.name().to_owned(), schema);
            let may_lack = field.proto3_optional() || field.oneof_index.is_some();
            let is_list = field.label() == Label::Repeated;
            if told && !may_lack && (is_list || field.r#type() != Type::Message) {
                required.push(field.name());
            }
        }
        let mut schema = json!({
            "type": "object",
            "description": description,
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    fn field(&self, field: &FieldDescriptorProto) -> Value {
        if let Some(value) = self.entry(field) {
            return json!({ "type": "object", "additionalProperties": self.field(value) });
        }
        let one = match (field.r#type(), field.type_name()) {
            (Type::String, _) => json!({ "type": "string" }),
            (Type::Bytes, _) => json!({ "type": "string", "contentEncoding": "base64" }),
            (Type::Double, _) => json!({ "type": "number" }),
            (Type::Bool, _) => json!({ "type": "boolean" }),
            (Type::Uint32, _) => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            (_, ".google.protobuf.Timestamp") => {
                json!({ "type": "string", "anyOf": [{ "format": "date-time" }, { "format": "date" }] })
            }
            (Type::Message | Type::Enum, name) => reference(name),
            (other, _) => panic!("no schema for {other:?}"),
        };
        if field.label() == Label::Repeated { json!({ "type": "array", "items": one }) } else { one }
    }
}

fn short(name: &str) -> String {
    name.rsplit('.').next().unwrap().to_owned()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", short(name)) })
}

/// A line of an answer, which is no message.
fn line() -> Value {
    let error = json!({
        "type": "object",
        "properties": {
            "document_id": { "type": "string" },
            "error": {
                "type": "object",
                "properties": {
                    "code": { "type": "string", "description": "Such as INVALID_ARGUMENT." },
                    "message": { "type": "string" },
                },
                "required": ["code", "message"],
            },
        },
        "required": ["document_id", "error"],
    });
    json!({
        "description": "What became of a document of a stream: its classification, or why it has none.",
        "anyOf": [reference("Classification"), error],
    })
}

/// google.rpc.Status.
fn status() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong.",
        "properties": {
            "code": { "type": "integer", "minimum": 1, "maximum": 16, "description": "A code of google.rpc.Code." },
            "message": { "type": "string", "description": "What, where and why, for people." },
            "details": {
                "type": "array",
                "description": "google.rpc.BadRequest (the fields at fault), ErrorInfo (a stable reason), RetryInfo.",
                "items": {
                    "type": "object",
                    "properties": { "@type": { "type": "string" } },
                    "required": ["@type"],
                },
            },
        },
        "required": ["code", "message", "details"],
        "additionalProperties": false,
    })
}

/// The paths that are no calls.
fn life() -> Map<String, Value> {
    let get = |id: &str, what: &str, kind: &str, open: bool| {
        let mut get = json!({
            "operationId": id,
            "description": what,
            "responses": {
                "200": { "description": what, "content": { kind: { "schema": {} } } },
                "default": { "$ref": "#/components/responses/Error" },
            },
        });
        if open {
            get["security"] = json!([]);
        }
        json!({ "get": get })
    };
    let text = "text/plain; charset=utf-8";
    let mut ready = get("Ready", "The server takes calls.", text, true);
    ready["get"]["responses"]["503"] =
        json!({ "description": "The server is about to end.", "content": { text: { "schema": {} } } });
    Map::from_iter([
        ("/livez".to_owned(), get("Live", "The server runs.", text, true)),
        ("/readyz".to_owned(), ready),
        (
            "/metrics".to_owned(),
            get("Metrics", "Metrics for Prometheus.", "text/plain; version=0.0.4", false),
        ),
        ("/openapi.json".to_owned(), get("Description", "This document.", "application/json", false)),
    ])
}
