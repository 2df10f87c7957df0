#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/core/spec/value.h"

namespace llmrun {

/// Reads a run file or a profile: the plain part of YAML. Refused, each with its place and all in one Error(Exit::config): anchors,
/// aliases, tags, merge keys, duplicate keys, a second document, tabs, NUL, text that is not UTF-8, more than 16 levels, 10,000 nodes or 1
/// MiB. Scalars stay text: `yes`, `012` and `1_000` mean nothing here, the field table decides. An empty text is an empty map. `name` is
/// the file name in the places.
Value read_yaml(std::string_view text, const std::string& name);

/// read_yaml of a file; Exit::config when it cannot be read.
Value read_yaml_file(const std::filesystem::path& path);

}  // namespace llmrun
