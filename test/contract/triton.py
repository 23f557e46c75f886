"""Asks by the clients of Triton, as PyPI has them and with their defaults, and prints what they were told as JSON.

python triton.py HTTP-ADDRESS GRPC-ADDRESS KEY MODEL
"""

import json
import sys

import numpy as np
import tritonclient.grpc as by_grpc
import tritonclient.http as by_http
from tritonclient.utils import InferenceServerException

http_address, grpc_address, key, model = sys.argv[1:]
columns = {
    "tenure": ("FP32", np.array([[2], [50], [np.nan]], dtype=np.float32)),
    "contract": ("BYTES", np.array([["monthly"], ["yearly"], [""]], dtype=np.object_)),
    "charge": ("FP64", np.array([[20.5], [30], [40]], dtype=np.float64)),
}


def credential():
    # The HTTP client writes into what it is given.
    return {"authorization": f"Bearer {key}"}


def inputs_for(protocol, **options):
    inputs = []
    for name, (datatype, values) in columns.items():
        tensor = protocol.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, **options)
        inputs.append(tensor)
    return inputs


def said(answer):
    return {
        "prediction": [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("prediction").flat],
        "probabilities": [float(value) for value in answer.as_numpy("probabilities").flat],
        "shape": list(answer.as_numpy("probabilities").shape),
    }


def refusal(ask):
    try:
        ask()
    except InferenceServerException as error:
        return error.message()
    return None


def about(protocol, client):
    result = client.infer(model, inputs_for(protocol), headers=credential(), request_id="mine", model_version="1")
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model, headers=credential()),
        "default": said(client.infer(model, inputs_for(protocol), headers=credential())),
        "of_version": said(result),
        "unknown": refusal(lambda: client.infer("unheard_of", inputs_for(protocol), headers=credential())),
        "misnamed": refusal(
            lambda: client.infer(
                model,
                inputs_for(protocol),
                outputs=[protocol.InferRequestedOutput("nothing")],
                headers=credential(),
            )
        ),
        "stranger": refusal(lambda: client.infer(model, inputs_for(protocol))),
    }


http = by_http.InferenceServerClient(url=http_address)
grpc = by_grpc.InferenceServerClient(url=grpc_address)
found = {"http": about(by_http, http), "grpc": about(by_grpc, grpc)}
found["http"]["extensions"] = http.get_server_metadata()["extensions"]
found["http"]["inputs"] = [one["name"] for one in http.get_model_metadata(model, headers=credential())["inputs"]]
found["grpc"]["extensions"] = list(grpc.get_server_metadata().extensions)
found["grpc"]["inputs"] = [one.name for one in grpc.get_model_metadata(model, headers=credential()).inputs]
# Each output as it is asked for; JSON has no word for NaN, so the last row stays away.
columns = {name: (datatype, values[:2]) for name, (datatype, values) in columns.items()}
found["http"]["json"] = said(
    http.infer(
        model,
        inputs_for(by_http, binary_data=False),
        outputs=[
            by_http.InferRequestedOutput("prediction", binary_data=False),
            by_http.InferRequestedOutput("probabilities", binary_data=True),
        ],
        headers=credential(),
    )
)
print(json.dumps(found))
