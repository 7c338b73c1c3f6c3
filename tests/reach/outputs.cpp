// Runs a model on uint8 tensors from standard input and writes the bytes of all its outputs: outputs MODEL.
// A tensor is a line with its dimensions, then its bytes. ONNX Runtime's version and each run's milliseconds go to stderr.
#include <onnxruntime_cxx_api.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

int main(int, char** arguments) {
  Ort::Env environment;
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  Ort::Session session(environment, std::filesystem::path(arguments[1]).c_str(), options);
  Ort::AllocatorWithDefaultOptions allocator;
  const auto input = session.GetInputNameAllocated(0, allocator);
  const char* inputs[] = {input.get()};
  std::vector<Ort::AllocatedStringPtr> names;
  std::vector<const char*> outputs;
  for (size_t i = 0; i < session.GetOutputCount(); ++i) {
    names.push_back(session.GetOutputNameAllocated(i, allocator));
    outputs.push_back(names.back().get());
  }
  std::cerr << Ort::GetVersionString() << "\n";
  const auto cpu = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream dimensions(line);
    const std::vector<int64_t> shape{std::istream_iterator<int64_t>(dimensions), {}};
    size_t size = 1;
    for (const int64_t dimension : shape) size *= size_t(dimension);
    std::vector<uint8_t> elements(size);
    std::cin.read(reinterpret_cast<char*>(elements.data()), std::streamsize(size));
    const auto tensor = Ort::Value::CreateTensor(cpu, elements.data(), size, shape.data(), shape.size());
    const auto start = std::chrono::steady_clock::now();
    const auto values = session.Run(Ort::RunOptions(), inputs, &tensor, 1, outputs.data(), outputs.size());
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    std::cerr << elapsed.count() << "\n";
    for (const auto& value : values) {
      const auto info = value.GetTensorTypeAndShapeInfo();
      size_t element_bytes = sizeof(uint8_t);
      if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64) element_bytes = sizeof(int64_t);
      if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) element_bytes = sizeof(float);
      const auto bytes = std::streamsize(info.GetElementCount() * element_bytes);
      std::cout.write(static_cast<const char*>(value.GetTensorRawData()), bytes);
    }
  }
}
