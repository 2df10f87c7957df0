#pragma once
#include <string>

namespace llmrun {

/// What a profile's text says of itself: its first comment, without the `name` that may stand before it.
std::string about_profile(const std::string& text, const std::string& name);

}  // namespace llmrun
