#include "launcher/scheduler/dependency_text.h"

namespace llmrun {
namespace {

/// Cuts off and returns what stands before the first of `ends`.
std::string_view take(std::string_view& text, std::string_view ends) {
  const std::string_view word = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(word.size());
  return word;
}

/// "97.server@server", "97(unfulfilled)", "97+5": the id alone.
std::string_view id_in(std::string_view word) { return word.substr(0, word.find_first_of("@(+")); }

}  // namespace

std::string waited_for_text(std::string_view depends) {
  std::string text;
  while (!depends.empty()) {
    std::string_view group = take(depends, ",?");
    const std::string_view kind = take(group, ":(");
    if (!kind.starts_with("before")) {
      if (!text.empty()) text += ", ";
      text += kind;
      while (group.starts_with(':')) {
        group.remove_prefix(1);
        const std::string_view id = id_in(take(group, ":"));
        text += ':';
        text += id.substr(0, id.find('.'));
      }
    }
    if (!depends.empty()) depends.remove_prefix(1);
  }
  return text;
}

std::optional<HandedOver> handed_over(std::string_view depends, std::string_view from, std::string_view to) {
  HandedOver change;
  char before = '\0';  // between this group and the one that was written last
  while (!depends.empty()) {
    std::string_view group = take(depends, ",?");
    const std::string_view kind = take(group, ":(");
    if (!kind.starts_with("before")) {
      if (!change.depends.empty()) change.depends += before;
      change.depends += kind;
      while (group.starts_with(':')) {
        group.remove_prefix(1);
        std::string_view word = take(group, ":");
        word = word.substr(0, word.find('('));
        const bool its_id = kind.starts_with("after") && id_in(word) == from;
        change.depends += ':';
        if (its_id) {
          change.kind = kind;
          change.depends += to;
          word.remove_prefix(from.size());
        }
        change.depends += word;
      }
    }
    before = depends.empty() ? '\0' : depends.front();
    if (!depends.empty()) depends.remove_prefix(1);
  }
  return change.kind.empty() ? std::nullopt : std::optional(change);
}

}  // namespace llmrun
