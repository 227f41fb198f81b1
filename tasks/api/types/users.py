"""People, as other people's programs see them."""

import strawberry_django

from tasks import models
from tasks.api.types.node import Node


@strawberry_django.type(models.User, description="Someone who submits tasks.")
class User(Node):
    """A row of users."""

    username: str = strawberry_django.field(description="The name to sign in with.")
    is_staff: bool = strawberry_django.field(description="Staff may see and touch the tasks of all users.")
