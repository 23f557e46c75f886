"""What clickhouse-connect makes of /clickhouse: prints what it saw as JSON."""

import json
import os
import re
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

host, port = sys.argv[1:]


def connect(key, **more):
    return clickhouse_connect.get_client(
        host=host, port=int(port), username="default", password=key, proxy_path="/clickhouse", **more
    )


def code_of(work):
    try:
        work()
    except ClickHouseError as error:
        return int(re.search(r"[Cc]ode:? (\d+)", str(error)).group(1))
    return 0


client = connect(os.environ["EDGEWISE_KEY"])
said = {"version": client.server_version, "count": client.command("SELECT count() FROM orders")}

orders = client.query("SELECT customer, email, n, time FROM orders ORDER BY n LIMIT 1")
customer, email, n, time = orders.first_row
said["first"] = [customer, email, n, time.isoformat()]
said["names"] = list(orders.column_names)
said["parameters"] = client.query(
    "SELECT customer, n FROM orders WHERE customer = {c:String} AND n IN {list:Array(UInt64)} AND time < {t:DateTime}",
    parameters={"c": "c3", "list": [3, 4], "t": time.replace(year=2027)},
).result_rows

numbers = "SELECT number, toString(number) AS text FROM numbers(200000)"
with client.query_rows_stream(numbers) as rows:
    said["streamed"] = sum(1 for _ in rows)
with client.query_column_block_stream(numbers) as blocks:
    said["columns"] = sum(len(block[0]) for block in blocks)
said["bytes"] = client.raw_query("SELECT n FROM orders ORDER BY n LIMIT 2", fmt="CSVWithNames").decode().replace('"', "")
said["filtered"] = connect(os.environ["EDGEWISE_FILTERED_KEY"]).command("SELECT count() FROM orders")
tables = client.query("SHOW TABLES").result_columns[0]
said["tables"] = [name for name in tables if not name.startswith("_")]
said["described"] = client.query("DESCRIBE TABLE orders").result_columns[0][:4]
said["error"] = code_of(lambda: client.query("SELECT * FROM missing"))
said["readonly"] = code_of(lambda: client.command("INSERT INTO orders (n) VALUES (1)"))
said["bad_key"] = code_of(lambda: connect("ew_nonsense"))
said["summary"] = client.query("SELECT * FROM orders").summary["result_rows"]
print(json.dumps(said))
