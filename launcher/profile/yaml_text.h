#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "engine/core/spec/config.h"

namespace llmrun {

/// The whole configuration as a run file, every key of the table, a key a line: read again it gives the same Config. What `remark(path)`
/// says stands behind the value as a comment; empty: none. Bytes depend on nothing but the Config.
std::string to_yaml(
    const Config& config, const std::function<std::string(std::string_view path)>& remark = [](std::string_view) { return std::string(); });

}  // namespace llmrun
