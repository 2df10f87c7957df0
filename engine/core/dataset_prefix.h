#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "engine/core/error.h"

namespace llmrun {

/// What is wrong where somebody named, for the PREFIX of PREFIX.bin and PREFIX.idx, one of the two, the text that they could be made from,
/// or their directory. Nothing where PREFIX.idx is there, or nothing at all: who opens them says so.
inline std::optional<Complaint> misnamed_dataset(const std::filesystem::path& name) {
  std::error_code unknown;
  if (std::filesystem::exists(name.string() + ".idx", unknown)) return {};
  const std::string shown = name.string(), bare = (name.parent_path() / name.stem()).string();
  if (name.extension() == ".bin" || name.extension() == ".idx")
    return Complaint{fmt::format("'{}' is one file of a dataset, not the prefix of both", shown), {}, {}, "leave the suffix out: " + bare};
  const std::filesystem::file_status there = std::filesystem::status(name, unknown);
  if (std::filesystem::is_directory(there))
    return Complaint{fmt::format("'{}' is a directory, not the prefix of a dataset", shown),
                     {},
                     {},
                     fmt::format("ls {0}/*.idx; without .idx each is a prefix", shown)};
  if (std::filesystem::exists(there))
    return Complaint{fmt::format("'{}' is a file, not the prefix of a dataset", shown),
                     {},
                     {},
                     fmt::format("llmrun data prepare '{}' --out '{}' makes a dataset of text, named {}", shown, bare, bare)};
  return {};
}

}  // namespace llmrun
