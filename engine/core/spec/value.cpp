#include "engine/core/spec/value.h"

namespace llmrun {

Value Value::nested(std::string_view path, Value value) {
  const size_t dot = path.rfind('.');
  Value map{.kind = Kind::map, .place = value.place};
  map.keys.push_back({std::string(dot == std::string_view::npos ? path : path.substr(dot + 1)), value.place});
  map.items.push_back(std::move(value));
  return dot == std::string_view::npos ? map : nested(path.substr(0, dot), std::move(map));
}

const Value* Value::find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].text == key) return &items[i];
  return nullptr;
}

std::string Value::shown() const {
  if (kind == Kind::scalar) return quoted ? '"' + text + '"' : text;
  std::string inside;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) inside += ", ";
    if (kind == Kind::map) inside += keys[i].text + ": ";
    inside += items[i].shown();
  }
  return kind == Kind::list ? "[" + inside + "]" : "{" + inside + "}";
}

}  // namespace llmrun
