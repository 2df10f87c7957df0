#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun {

/// Keys keep the order in which they were written, so that files diff well.
using json = nlohmann::ordered_json;

// For text that somebody else may have written. These two throw std::invalid_argument with what is wrong; who reads a file adds its name.

/// json::parse, which takes any depth and then ends in a stack overflow where the document is copied or printed: 32 levels here.
json parse_json(std::string_view text);
/// An integer of 63 bits. `get` would take true for 1 and round 1e300 to anything.
int64_t whole_number(const json& value);

/// Throws Error(code) with the path, and the byte where the text stops being JSON.
json read_json_file(const std::filesystem::path& path, Exit code = Exit::failed);

}  // namespace llmrun
