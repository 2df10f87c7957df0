#pragma once
#include <cstdint>

namespace llmrun::fuzz {

/// The most bytes that operator new had handed out at one time since restart_heap_peak(), over what it had handed out then.
/// Its operators replace those of the whole program: only in builds without sanitizers, which bring their own.
int64_t heap_peak();
void restart_heap_peak();

}  // namespace llmrun::fuzz
