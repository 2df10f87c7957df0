#include "launcher/profile/data_list.h"

#include <sstream>

#include "engine/core/file.h"

namespace llmrun {

Value read_data_list(const std::filesystem::path& file) {
  std::istringstream lines(read_file(file, Exit::config));
  Value list{.kind = Value::Kind::list};
  std::vector<Complaint> complaints;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string weight, prefix;
    if (!(words >> weight)) continue;
    if (!(words >> prefix)) {
      complaints.push_back({fmt::format("'{}' is not a weight and a prefix", weight), Place{file.string(), number, 1}, {}, "0.1 PREFIX"});
      continue;
    }
    Value source{.kind = Value::Kind::map};
    source.keys = {{"path", {}}, {"weight", {}}};
    source.items = {Value::scalar(prefix), Value::scalar(weight)};
    list.items.push_back(std::move(source));
  }
  if (list.items.empty() && complaints.empty())
    complaints.push_back({fmt::format("'{}' lists no data", file.string()), {}, {}, "0.1 PREFIX, a line each"});
  if (!complaints.empty()) throw Error(Exit::config, std::move(complaints));
  return list;
}

}  // namespace llmrun
