#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace llmrun {

/// Keys keep the order in which they were written, so that files diff well.
using json = nlohmann::ordered_json;

/// Throws Error(code) with the path, and the byte where the text stops being JSON.
json read_json_file(const std::filesystem::path& path, Exit code = Exit::failed);

}  // namespace llmrun
