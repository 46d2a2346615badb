//! Generates the messages and calls of `proto/`: messages and services (prost, tonic), their JSON (pbjson), and the
//! descriptor set that reflection serves. protox parses the files, so that no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `include_dir!` in src/catalog/load.rs does not see that a file came or went.
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=proto");
    #[cfg(feature = "server")]
    proto::generate()?;
    Ok(())
}

#[cfg(feature = "server")]
mod proto {
    use prost::Message;
    use prost_types::field_descriptor_proto::{Label, Type};
    use prost_types::source_code_info::Location;
    use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
    use std::{env, error::Error, fs, path::Path};

    const FILES: [&str; 3] = [
        "geotopics/v1/classification_service.proto",
        "geotopics/v1/ruleset_service.proto",
        "google/rpc/error_details.proto",
    ];

    pub(crate) fn generate() -> Result<(), Box<dyn Error>> {
        let mut descriptors = protox::compile(FILES, ["proto"])?;
        let encoded = descriptors.encode_to_vec();
        fs::write(Path::new(&env::var("OUT_DIR")?).join("descriptors.bin"), &encoded)?;
        pbjson_build::Builder::new()
            .register_descriptors(&encoded)?
            .exclude([".geotopics.v1.Document"])
            .preserve_proto_field_names()
            .emit_fields()
            .btree_map(["."])
            .build(&[
                ".geotopics.v1",
                ".google.rpc.BadRequest",
                ".google.rpc.ErrorInfo",
                ".google.rpc.LocalizedMessage",
                ".google.rpc.RetryInfo",
                ".google.rpc.Status",
            ])?;

        decode_as_bytes(&mut descriptors);
        let mut prost = tonic_prost_build::Config::new();
        prost
            .disable_comments([".google", ".geotopics.v1.Document.MetadataEntry"])
            .enable_type_names()
            .type_name_domain([".google.rpc"], "type.googleapis.com");
        tonic_prost_build::configure()
            .compile_well_known_types(true)
            .btree_map(".")
            .bytes(".geotopics")
            .codec_path("crate::wire::codec::Codec")
            .compile_fds_with_config(descriptors, prost)?;
        Ok(())
    }

    /// Makes the strings of `Document` bytes, in the generated code only: on the wire both look the same. So text is not
    /// copied, and bytes that are not UTF-8 fail their document instead of the whole message. Since a map takes no bytes as
    /// keys, it becomes what it is on the wire, a list of entries. A document that cannot be read at all says so in a field that is on
    /// no wire (its number is the last that there is).
    fn decode_as_bytes(descriptors: &mut FileDescriptorSet) {
        fn strings_to_bytes(message: &mut DescriptorProto) {
            for field in message.field.iter_mut().filter(|field| field.r#type() == Type::String) {
                field.set_type(Type::Bytes);
            }
        }
        for file in &mut descriptors.file {
            let messages = (0..).zip(&mut file.message_type);
            for (i, document) in messages.filter(|(_, message)| message.name() == "Document") {
                strings_to_bytes(document);
                for entry in &mut document.nested_type {
                    strings_to_bytes(entry);
                    entry.options = None;
                }
                // Where comments are looked up: message i, field j.
                let path = vec![4, i, 2, document.field.len() as i32];
                let comment = " Why the document cannot be read; empty where it can.\n".to_owned();
                let location = Location { path, leading_comments: Some(comment), ..Location::default() };
                file.source_code_info.get_or_insert_default().location.push(location);
                document.field.push(FieldDescriptorProto {
                    name: Some("unreadable".to_owned()),
                    number: Some(536_870_911),
                    r#type: Some(Type::Bytes.into()),
                    label: Some(Label::Optional.into()),
                    json_name: Some("unreadable".to_owned()),
                    ..FieldDescriptorProto::default()
                });
            }
        }
    }
}
